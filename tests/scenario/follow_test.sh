#!/bin/bash
# follow: status --watch shows what changes, when it does.
. "$(dirname "$0")/../lib.sh"

www() {
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; } );
	C
}

shows() { # WORDS
	grep -qF -- "$1" shown
}

test_what_changes_is_printed_again() {
	local watching status=0
	www
	"$BUILD/everleaf" -c everleaf.conf status --watch >shown 2>watch.err </dev/null &
	watching=$!
	started $watching
	until_true 60 shows missing
	not shows " ok "
	expect 0 everleaf renew
	until_true 60 shows " ok "
	shows missing
	kill -TERM $watching
	wait $watching || status=$?
	is 0 $status
	[ "$(grep -c NAME shown)" -ge 2 ] # and what it was on the way, if that took long
}

has_ended() {
	! kill -0 $watching 2>/dev/null
}

test_who_reads_no_more_ends_it() {
	local watching
	www
	mkfifo words
	"$BUILD/everleaf" -c everleaf.conf status --watch >words 2>watch.err </dev/null &
	watching=$!
	started $watching
	head -n 1 words >shown
	expect 0 everleaf renew
	until_true 60 has_ended
	wait $watching
}

test_on_a_terminal_q_ends_it() {
	local status=0
	www
	expect 0 everleaf renew
	mkfifo keys
	script -qec "stty rows 24 cols 80; $BUILD/everleaf -c $dir/everleaf.conf status --watch; echo left \$?" \
		/dev/null <keys >shown 2>&1 &
	watching=$!
	started $watching
	exec 9>keys
	until_true 60 shows www
	printf x >&9
	printf q >&9
	until_true 60 shows "left 0"
	exec 9>&-
	wait $watching || status=$?
	is 0 $status
}

test_a_screen_that_is_too_small_says_so() {
	config <<-C
	certificates = ( $(for i in 1 2 3 4 5 6 7 8 9; do
		printf '%s{ name = "c%d"; names = "localhost"; issuer = "local"; }' "${c-}" "$i"
		c=,
	done) );
	C
	mkfifo keys
	script -qec "stty rows 6 cols 80; $BUILD/everleaf -c $dir/everleaf.conf status --watch" \
		/dev/null <keys >shown 2>&1 &
	started $!
	exec 9>keys
	until_true 60 shows "... and "
	shows c3
	not shows c4
	printf q >&9
	exec 9>&-
	wait $!
}

test_what_fails_ends_it() {
	www
	echo nonsense >>"$dir/everleaf.conf"
	expect 2 everleaf status --watch
}

run_tests "$@"
