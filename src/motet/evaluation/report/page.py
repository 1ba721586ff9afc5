"""The page: sections in reading order, filled into the template; one file that loads nothing."""

import base64
import functools
import hashlib
import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import jinja2
import vl_convert

from motet.evaluation.report import (
    account,
    cost,
    guarded,
    joined,
    origins,
    parts,
    plots,
    scores,
    sharing,
    texts,
    verdicts,
)
from motet.evaluation.report.behaviour import behaviour
from motet.evaluation.report.blocks import Section, figures_in
from motet.evaluation.report.evidence import DATES, Evidence, mapping
from motet.evaluation.report.facts import facts, statements

SECTIONS: tuple[Callable[[Evidence], Section | None], ...] = (
    sharing.sharing,
    guarded.guarded,
    sharing.experts,
    scores.results,
    texts.texts,
    parts.slices,
    plots.training,
    plots.calibration,
    plots.popularity,
    behaviour,
    cost.cost,
    account.account,
    origins.reproduce,
    origins.glossary,
)


def build_page(evidence: Evidence) -> str:
    """The whole page as HTML."""
    made = [section for build in SECTIONS if (section := build(evidence)) is not None]
    specs = {figure.key: figure.spec for section in made for figure in figures_in(section.blocks)}
    cards = verdicts.cards(evidence)
    scripts = [_bundle(), _asset("page.js")] if specs else []
    return _template().render(
        name=evidence.name,
        date=date(evidence),
        summary=verdicts.summary(cards, joined.members(evidence)),
        alarms=verdicts.alarms(cards),
        cards=cards,
        confidence=evidence.confidence,
        facts=facts(evidence),
        statements=statements(evidence),
        sections=made,
        style=_asset("page.css"),
        scripts=scripts,
        hashes=[_hash(script) for script in scripts],
        charts=embedded(specs),
    )


def date(evidence: Evidence) -> str:
    """The day of the run as the manifest has it, or an empty string."""
    found = next((evidence.manifest[key] for key in DATES if evidence.manifest.get(key)), "")
    return str(found)[:10] if isinstance(found, str) else ""


def embedded(value: dict[str, Any]) -> str:
    """JSON that may stand inside a script element: without `<` nothing in the data can end the element."""
    text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(held) for key, held in mapping(value).items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and value - value != 0 else value


@functools.cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, about 0.9 MB."""
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


@functools.cache
def _asset(name: str) -> str:
    return (resources.files("motet.evaluation.report") / "templates" / name).read_text(encoding="utf8")


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _hash(script: str) -> str:
    """How the page's own policy names a script that may run; any other does not."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
