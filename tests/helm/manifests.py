"""Prints manifests as JSON, as Helm reads and renders them.

manifests.py read FILE…               the documents of YAML files
manifests.py template CHART VALUES    what `helm lint --strict` and `helm template` make of a chart
"""

import json
import re
import sys

import helm_python as helm


def documents(text):
    parts = (part for part in re.split(r"^---$", text, flags=re.M) if re.search(r"^[^#\s]", part, flags=re.M))
    return [helm.values_from_yaml(part) for part in parts]


def template(chart, values):
    report = helm.lint(chart, values, strict=True, quiet=True)
    findings = [message["error"] for message in report["messages"] if message["severity"] >= 2]
    if findings or report["errors"]:
        sys.exit("\n".join(findings + report["errors"]))
    with helm.Chart.load(chart) as loaded:
        loaded.validate_schema(values)
        rendered = loaded.render(values, name="prod", namespace="ops")
    return [one for path in sorted(rendered) if path.endswith(".yaml") for one in documents(rendered[path])]


if sys.argv[1] == "read":
    print(json.dumps({file: documents(open(file).read()) for file in sys.argv[2:]}))
else:
    print(json.dumps(template(sys.argv[2], json.loads(sys.argv[3]))))
