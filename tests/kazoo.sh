#!/bin/sh
# Where kazoo comes from, a client library for Python whose recipes are run in the tests.
#
#   tests/kazoo.sh setup    make a virtual environment with it, unless there is one
#
# It is made in target/kazoo, where the tests look for it; ZKT_TEST_KAZOO_PYTHON names a python
# that has kazoo already.
set -eu

. "$(dirname "$0")/packages.sh"

python_environment "${1:-}" kazoo kazoo ZKT_TEST_KAZOO_PYTHON
