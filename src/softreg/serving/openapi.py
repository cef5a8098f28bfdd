"""The OpenAPI document of the routes, made from one short table."""

from typing import Any

from softreg._version import __version__

ARRAY = {
    "type": "object",
    "description": "an array: `scale` times its bytes are its values",
    "properties": {
        "shape": {"type": "array", "items": {"type": "integer"}},
        "type": {"enum": ["uint8", "int8"]},
        "scale": {"type": "number"},
        "bytes": {"type": "string", "contentEncoding": "base64"},
    },
    "required": ["shape", "type", "scale", "bytes"],
}
BY_CLASS = {"type": "object", "additionalProperties": {"type": "number"}}
ABSTENTION = {
    "abstained": {"type": "boolean"},
    "reason": {"type": ["string", "null"], "description": "why it abstains"},
    "reason_code": {"type": ["string", "null"], "description": "blank, noise, crowded, novel, uncertain or doubtful"},
}
DIGIT = {
    "type": "object",
    "properties": {
        "box": {
            "type": "array",
            "items": {"type": "number"},
            "description": "x, y, width, height in pixels of the upright picture",
        },
        "label": {"type": ["string", "null"], "description": "null where the model abstains"},
        "probability": {"type": "number"},
        "probabilities": BY_CLASS,
        "logits": BY_CLASS,
        **ABSTENTION,
    },
    "required": ["box", "label", "probability", "probabilities", "logits", *ABSTENTION],
}
PREDICTION = {
    "type": "object",
    "properties": {
        "picture": {"type": "string"},
        "label": {"type": ["string", "null"], "description": "null where the model abstains"},
        "probability": {"type": ["number", "null"]},
        "probabilities": BY_CLASS,
        "logits": BY_CLASS,
        "lines": {"type": "array", "items": {"type": "string"}, "description": "the lines of text, ? for a digit not answered"},
        "digits": {"type": "array", "items": DIGIT},
        **ABSTENTION,
    },
    "required": ["picture", "label", "probability", "probabilities", "lines", "digits", *ABSTENTION],
}
ANSWER = {
    "type": "object",
    "properties": {
        "schema": {"const": 1},
        "model": {"type": "string"},
        "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
        "stages": {
            "type": "array",
            "description": "the steps from the picture to the image, each with its title",
            "items": {"$ref": "#/components/schemas/Array"},
        },
        "evidence": {
            "type": "object",
            "description": "for one digit: its image, the contribution of each pixel to each class (C, 28, 28), and for each "
            "class the sum of the positive contributions, the sum of the negative ones, and the bias, which add up to the logit",
            "properties": {
                "image": {"$ref": "#/components/schemas/Array"},
                "pixels": {"$ref": "#/components/schemas/Array"},
                "for": BY_CLASS,
                "against": BY_CLASS,
                "bias": BY_CLASS,
            },
            "required": ["image", "pixels", "for", "against", "bias"],
        },
    },
    "required": ["schema", "model", "predictions"],
}
ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
IMAGE = {
    "type": "array",
    "minItems": 28,
    "maxItems": 28,
    "items": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
}
PICTURE = {
    "required": True,
    "content": {
        "image/*": {"schema": {"type": "string", "contentMediaType": "image/*", "description": "a picture's file, at most 1 MiB"}},
        "application/json": {
            "schema": {"oneOf": [IMAGE, {"type": "object", "properties": {"image": IMAGE}, "required": ["image"]}]}
        },
    },
}
EVENT = {"type": "object", "properties": {"data": {"type": "string", "contentMediaType": "application/json"}}, "required": ["data"]}
RECIPE = {"content": {"application/json": {"schema": {"type": "object", "description": "fields of GET /recipe"}}}}


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"} | schema}


def _operation(summary: str, answer: str = "application/json", status: str = "200", **more: Any) -> dict[str, Any]:
    schema = more.pop("schema", {"type": "object"})
    refused = {
        "description": "refused; the sentence says why",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    return {
        "summary": summary,
        "responses": {status: {"description": summary, "content": {answer: {"schema": schema}}}, "default": refused},
    } | more


PATHS: dict[str, dict[str, Any]] = {
    "/predict": {
        "post": _operation(
            "which digits a picture shows",
            schema={"$ref": "#/components/schemas/Answer"},
            requestBody=PICTURE,
            parameters=[
                _query("model", "a key of GET /models", examples=["tutorial"]),
                _query("include", "`stages`, `evidence`, or both with a comma", examples=["stages,evidence"]),
                _query("digit", "the digit to explain, counted from 0; by default the least certain", pattern="^[0-9]{0,9}$"),
            ],
        )
    },
    "/models": {"get": _operation("the models to choose from; `answers` says whether the page is to ask the server or to compute")},
    "/weights": {
        "get": _operation(
            "a model's weights, packed as base64, for the page to compute with",
            parameters=[_query("model", "a key of GET /models", examples=["tutorial"])],
        )
    },
    "/healthz": {"get": _operation("whether the server is alive, and its version")},
    "/recipe": {"get": _operation("the fields of a recipe that can be set here, with their bounds")},
    "/training": {"post": _operation("start a training", status="202", requestBody=RECIPE)},
    "/training/events": {
        "get": _operation("the training step by step, as server-sent events", "text/event-stream", schema=EVENT),
    },
    **{f"/training/{action}": {"post": _operation(f"{action} the training")} for action in ("pause", "continue", "stop")},
    "/walkthrough": {
        "get": _operation(
            "a test image followed through the model", parameters=[_query("sample", "0 to 9999", pattern="^[0-9]{1,4}$")]
        )
    },
    "/words/{language}": {
        "get": _operation(
            "the texts of the page",
            parameters=[{"name": "language", "in": "path", "required": True, "schema": {"enum": ["en", "ko"]}}],
        )
    },
}


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "softreg", "version": __version__, "summary": "Softmax regression that reads handwriting"},
        "paths": PATHS,
        "components": {"schemas": {"Array": ARRAY, "Prediction": PREDICTION, "Answer": ANSWER, "Error": ERROR}},
    }
