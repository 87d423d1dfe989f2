"""The OpenAPI description of one model, made from its table."""

from __future__ import annotations

from typing import Any

from happyhorse_nb.models import Model, Param, Role
from happyhorse_nb.wire import submit_path, task_path


def api_schema(model: Model, origin: str) -> dict[str, Any]:
    """How that model is called at an origin: required fields, choices, ranges and defaults."""
    properties = {role.wire: _input(role) for role in model.inputs}
    properties |= {param.sent_as: _param(param) for param in model.params}
    required = [role.wire for role in model.inputs if role.minimum]
    required += [param.sent_as for param in model.params if param.required]
    body = {"type": "object", "required": required, "properties": properties}
    accepted = {"type": "object", "properties": {"code": {"type": "integer"}, "message": {"type": "string"}}}
    read = {"name": "task_id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.0.3",
        "info": {"title": model.slug, "version": model.version or "1.0", "description": model.kind},
        "servers": [{"url": origin}],
        "security": [{"bearerAuth": []}],
        "paths": {
            submit_path(model): {
                "post": {
                    "summary": f"Create a task of {model.id}",
                    "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
                    "responses": {"200": _answer("the task is accepted", accepted)},
                }
            },
            task_path("task_id").replace("task_id", "{task_id}"): {
                "get": {
                    "summary": "Read a task",
                    "parameters": [read],
                    "responses": {"200": _answer("how the task stands", accepted)},
                }
            },
        },
        "components": {"securitySchemes": {"bearerAuth": {"type": "http", "scheme": "bearer"}}},
    }


def _answer(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _input(role: Role) -> dict[str, Any]:
    one = {"type": "string", "pattern": "^(https?://|data:image/)" if role.embedded else "^https?://"}
    if role.maximum == 1:
        return {**one, "description": role.words}
    return {
        "type": "array",
        "items": one,
        "minItems": role.minimum,
        "maxItems": role.maximum,
        "description": role.words,
    }


def _param(param: Param) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "integer" if param.kind == "integer" else "string", "description": param.help}
    if param.default is not None:
        told["default"] = param.default
    if param.choices:
        told["enum"] = list(param.choices)
    least, most = ("minLength", "maxLength") if param.kind == "text" else ("minimum", "maximum")
    if param.minimum is not None or (param.kind == "text" and param.required):
        told[least] = param.minimum or (1 if param.kind == "text" else 0)
    if param.maximum is not None:
        told[most] = param.maximum
    return told
