#!/bin/sh
# Where kazoo comes from, a client library for Python whose recipes are run in the tests, and pytest, which
# runs the example of tests in Python.
#
#   tests/kazoo.sh setup    make a virtual environment with both, unless there is one
#
# It is made in target/kazoo, where the tests look for it; ZKT_TEST_KAZOO_PYTHON names a python
# that has them already.
set -eu

. "$(dirname "$0")/packages.sh"

python_environment "${1:-}" kazoo "kazoo, pytest" ZKT_TEST_KAZOO_PYTHON
