"""From the specs `openai:MODEL@URL` and `tei:URL` to encoders; asks nobody yet."""

from __future__ import annotations

from benchharness.models.cache import default_cache_folder
from benchharness.models.endpoint.address import address_of
from benchharness.models.endpoint.encoder import EndpointEncoder
from benchharness.models.endpoint.line import Line
from benchharness.models.endpoint.memory import Memory
from benchharness.models.endpoint.openai_api import OpenAIService
from benchharness.models.endpoint.options import EndpointOptions
from benchharness.models.endpoint.patience import Patience
from benchharness.models.endpoint.service import Service
from benchharness.models.endpoint.tei_api import TEIService
from benchharness.models.spec import ModelSpec


def openai_endpoint(spec: ModelSpec, patience: Patience | None = None) -> EndpointEncoder:
    """The encoder of a model behind OpenAI's API. Raises UsageError, ModelError."""
    return _opened(spec, patience)


def tei_endpoint(spec: ModelSpec, patience: Patience | None = None) -> EndpointEncoder:
    """The encoder of a TEI server. Raises UsageError, ModelError."""
    return _opened(spec, patience)


def _opened(spec: ModelSpec, patience: Patience | None) -> EndpointEncoder:
    address = address_of(spec)
    options = EndpointOptions.of(spec, address.kind)
    service: Service = (
        OpenAIService(address.model, options) if address.kind == "openai" else TEIService(options)
    )
    line = Line(address, options, patience or Patience())
    return EndpointEncoder(spec.text, service, line, options, Memory(default_cache_folder()))
