#!/bin/bash
# soak: a sample of `make soak`: what one daemon holds after many renewals.
. "$(dirname "$0")/../lib.sh"

test_many_renewals_leave_nothing_behind() {
	mkdir soak
	SCALE_DIR=$dir/soak "$root/tests/scale/soak" 400 80 >out 2>&1 || {
		cat out
		fail "$(tail -n 1 out)"
	}
	is "" "$(ls -A soak)"
}

run_tests "$@"
