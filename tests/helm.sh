#!/bin/sh
# Where Helm comes from, which renders the chart in the tests: a library for Python that holds Helm's own
# code in Go.
#
#   tests/helm.sh setup    make a virtual environment with it, unless there is one
#
# It is made in target/helm, where the tests look for it; ZKT_TEST_HELM_PYTHON names a python that has
# helm-python-sdk already.
set -eu

. "$(dirname "$0")/packages.sh"

python_environment "${1:-}" helm helm_python ZKT_TEST_HELM_PYTHON
