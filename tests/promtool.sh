#!/bin/sh
# Where the checker for alert rules comes from.
#
#   tests/promtool.sh path      print the path or name of promtool
#   tests/promtool.sh setup     the same, and install the distribution's where there is none
#
# $ZKT_TEST_PROMTOOL names one that is installed elsewhere.
set -eu

. "$(dirname "$0")/packages.sh"

program "${1:-}" promtool prometheus ZKT_TEST_PROMTOOL promtool
