"""schemathesis, which reads the OpenAPI document and attacks every route it names: no fault, nothing but what is documented."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.live_server import serve

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method"


@pytest.mark.parametrize("seed", [1, 2])
def test_every_route_keeps_to_the_document(seed: int, tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}openapi.json", "--checks", CHECKS]
        command += ["--max-examples", "20", "--seed", str(seed), "--request-timeout", "5", "--no-color"]
        ended = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stdout
