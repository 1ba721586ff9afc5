"""The guard: a task that sharing hurts gets a part of the model to itself. All is judged on validation rows.

A task is hurt when its interval against its single-task twin lies below zero. Cures are tried in turn, the
lightest first: the joint model as it was after another epoch, for tasks overfit at different times, for all
tasks if that hurts nobody, else beside it for those that are hurt; what lies behind the timeline, for this
task alone, on the backbone as it is, then on its lower layers alone; a whole model from the weights of the
joint one, for hurt tasks together that help each other or follow one another; the twin itself, which is
trained already. What does not help on the validation rows is not put in. Unless all go to another epoch, the
other tasks keep the weights that they have.

A task that reads texts has another epoch, or its twin: nothing lies between the language model and its head
that could be its own alone. A twin brings its tuned language model along; of a frozen one, which all have in
common, it brings a head. Tasks of events get another epoch alone where the language model is tuned.
"""

from motet.guard.course import guard
from motet.guard.found import Guarded, refuse_without_twins
from motet.guard.ward import Hopeless, hopes

__all__ = ["Guarded", "Hopeless", "guard", "hopes", "refuse_without_twins"]
