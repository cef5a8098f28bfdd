"""The OpenAPI document: every route and answer keeps to it, attacked by schemathesis, which reads it."""

import json
import subprocess
import sys
from pathlib import Path

from jsonschema import Draft202012Validator

from softreg.data.dataset import Splits
from softreg.serving.app import Playground
from softreg.serving.models import Models
from softreg.serving.openapi import document
from tests.helpers.live_server import Served, png, serve

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method"


def test_the_openapi_document_names_every_route_and_keeps_its_word(served: Served, mnist: Splits) -> None:
    status, told = served.json("GET", "/openapi.json")
    assert status == 200
    assert told == document()
    routes = {route.path for route in Playground(Models()).routes}
    assert set(told["paths"]) == routes - {"/", "/page/{name}", "/openapi.json"}
    schemas = {"$defs": told["components"]["schemas"]}
    text = json.dumps(schemas | {"$ref": "#/$defs/Answer"}).replace("#/components/schemas/", "#/$defs/")
    validator = Draft202012Validator(json.loads(text))
    for query in ("", "?include=stages", "?include=evidence", "?include=stages,evidence"):
        _, answer = served.predict(png(mnist.test.images[1].numpy()), query)
        validator.validate(answer)


def test_every_route_keeps_to_the_document(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}openapi.json", "--checks", CHECKS]
        command += ["--max-examples", "20", "--seed", "1", "--request-timeout", "5", "--no-color"]
        ended = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stdout
