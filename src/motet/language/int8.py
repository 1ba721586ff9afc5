"""Products of a frozen language model in whole numbers of 8 bits: faster where a processor multiplies such.

Each row of a weight and each token's vector has a scale of its own (Dettmers et al., NeurIPS 2022,
arXiv:2208.07339, without their way around outliers): so a text's vector is the same whatever stands beside
it, which one scale for a whole batch does not give. All else is float32.
Shapes: B any number of axes, N their product, I inner width, O outer width.
"""

from typing import Any

import torch
from torch import Tensor, nn

from motet.errors import ConfigError

LARGEST = 127


class Int8Linear(nn.Module):
    """A linear layer whose weights, and what they are multiplied with, are rounded to 8 bits.

    Args:
        layer: The layer whose place it takes.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight_OI = layer.weight.detach().float()
        scale_O = weight_OI.abs().amax(1).clamp_min(1e-12) / LARGEST
        bias_O = torch.zeros_like(scale_O) if layer.bias is None else layer.bias.detach().float()
        self.register_buffer("weight_OI", (weight_OI / scale_O[:, None]).round().to(torch.int8))
        self.register_buffer("scale_O", scale_O)
        self.register_buffer("bias_O", bias_O)

    def forward(self, given_BI: Tensor) -> Tensor:
        """The product, ``(B, O)``, float32."""
        weight_OI, scale_O, bias_O = (self.get_buffer(name) for name in ("weight_OI", "scale_O", "bias_O"))
        given_NI = given_BI.reshape(-1, given_BI.shape[-1])
        largest_N1 = given_NI.abs().amax(1, keepdim=True).clamp_(min=1e-12)
        rounded_NI = given_NI.mul(LARGEST / largest_N1).round_().to(torch.int8)
        product_NO = torch._int_mm(rounded_NI, weight_OI.T).float().mul_(largest_N1.div_(LARGEST))
        return torch.addcmul(bias_O, product_NO, scale_O).view(*given_BI.shape[:-1], -1)


def round_products(model: Any, name: str) -> None:
    """Let all linear layers of a model multiply in 8 bits; their weights are not kept otherwise.

    Args:
        model: A transformer in float32 that is not learned any more.
        name: As the configuration has it.

    Raises:
        ConfigError: It has no such layers.
    """
    found = [
        (parent, key, child)
        for parent in model.modules()
        for key, child in parent.named_children()
        if isinstance(child, nn.Linear)
    ]
    if not found:
        raise ConfigError(
            f"model.language.precision: {name} has no linear layers that could be rounded to int8; write  "
            "precision: bf16 ."
        )
    for parent, key, child in found:
        setattr(parent, key, Int8Linear(child))
