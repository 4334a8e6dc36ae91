#!/bin/sh
# Where the browser for the tests of the status page comes from.
#
#   tests/chromium.sh path      print the browser's path or name
#   tests/chromium.sh setup     the same, and install the distribution's Chromium where there is none
#
# $ZKT_TEST_CHROMIUM names one that is installed elsewhere.
set -eu

. "$(dirname "$0")/packages.sh"

program "${1:-}" "a browser" chromium ZKT_TEST_CHROMIUM chromium chromium-browser google-chrome
