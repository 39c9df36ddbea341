#!/bin/bash
# years: a sample of `make years`, and a clock that is set: see tests/real/years.
. "$(dirname "$0")/../lib.sh"

pass_years() { # DAYS [TIMES] | steps
	"$root/tests/real/years" "$dir" "$@" >out 2>&1 || {
		cat out
		fail "$(tail -n 1 out)"
	}
	cat out
}

test_nothing_expires_while_a_ca_could_have_renewed_it() {
	pass_years "${YEARS_DAYS-100}" "${YEARS_TIMES-1}"
}

test_a_clock_that_is_not_believed_renews_nothing() {
	pass_years steps
}

run_tests "$@"
