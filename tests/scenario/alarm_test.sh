#!/bin/bash
# alarm: hooks are told of what goes wrong: once for each change, each day, never a flood.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# A certificate of the embedded CA, and a hook that is told of what goes wrong.
www() { # [SETTINGS of the issuer [HOOKS of the certificate [MORE]]]
	hook ops <<-'H'
	[ "$1" = test ] || echo "$EVERLEAF_EVENT $EVERLEAF_COUNT ${EVERLEAF_NAMES-}: ${EVERLEAF_ERROR-}" >>"$dir/told"
	cat >"$dir/document"
	H
	config <<-C
	issuers = ( { name = "lab"; ${1-type = \"local\";} } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; hooks = [ "ops" ${2-} ]; } );
	hooks = ( { name = "ops"; run = [ "$dir/ops", "run" ];
		on = [ "failed", "expiring", "drift", "not-served", "clock" ]; } ${3-} );
	C
}

# Its CA has gone: nobody listens there.
no_ca() {
	www 'type = "acme"; url = "https://127.0.0.1:1/dir"; contact = "mailto:ops@example.org"; agree_terms = true;
		challenge = '"$(webroot)"';'
}

told() { # [WORDS]: how often the hook was, of that
	cat told 2>/dev/null | grep -c -- "${1-}" || :
}

# So old, and renewed by nobody now.
age_and_fail() { # DONE PARTS
	age "$@"
	remember "UPDATE certificate SET retry_at = $(date +%s) + 7200, failed_by = 0, sum = NULL"
}

a_day_passes() {
	remember "UPDATE alarm SET told_at = told_at - 86400, sum = NULL"
}

test_what_fails_again_and_again_is_told_once_a_day() {
	no_ca
	for _ in 1 2 3; do
		expect 1 everleaf renew www
	done
	is "1 1" "$(told) $(told '^failed 1 www: ordering: lab: ')"
	is 3 "$(events www failed)"
	a_day_passes
	expect 1 everleaf renew www
	expect 1 everleaf renew www
	is 2 "$(told)"
}

test_another_failure_is_a_change() {
	no_ca
	expect 1 everleaf renew www
	www 'type = "local"; subject = "CN=Lab";' ', "bad"' ", $(hook_config bad)"
	hook bad <<-'H'
	[ ! -e "$dir/broken" ] || exit 1
	H
	touch broken
	expect 1 everleaf renew www
	expect 1 everleaf renew www
	is "2 1" "$(told) $(told '^failed 1 www: hook bad: its test failed')"
	rm broken
	expect 0 everleaf renew www
	is 2 "$(told)"
	touch broken # it was well in between
	expect 1 everleaf renew --force www
	is 3 "$(told)"
}

# Nobody had to do anything: that a run finds nothing to be done about it is enough.
test_what_fails_after_it_was_mended_in_the_configuration_is_a_change() {
	hook bad <<<"exit 1"
	www 'type = "local";' ', "bad"' ", { name = \"bad\"; run = [ \"$dir/bad\", \"run\" ]; }"
	cp everleaf.conf with
	expect 1 everleaf renew
	expect 1 everleaf renew www
	is 1 "$(told '^failed 1 www: hook bad: ')"
	sed 's/, "bad"//' with >everleaf.conf
	expect 0 everleaf renew
	cp with everleaf.conf
	expect 1 everleaf renew --force www
	expect 1 everleaf renew www
	is 2 "$(told '^failed 1 www: hook bad: ')"
}

test_an_end_that_comes_nearer_is_told_by_steps_and_each_day() {
	local at
	www
	expect 0 everleaf renew
	no_ca
	for at in 4 5 5.5 5.8 7; do # of 6: in time; a sixth, a twelfth, a twentieth left; over
		age_and_fail $at 6
		everleaf renew >out 2>err || :
		everleaf renew >out 2>err || :
		echo "$at $(told '^expiring 1 www: ')" >>counts
	done
	is "4 0 5 1 5.5 2 5.8 3 7 4" "$(tr '\n' ' ' <counts | sed 's/ $//')"
	is 3 "$(told 'it ends in ')"
	is 1 "$(told 'it ended at ')"
	is 4 "$(events www expiring)"
	a_day_passes
	everleaf renew >out 2>err || :
	is 5 "$(told '^expiring')"
}

test_the_daemon_tells_it_when_the_time_comes() {
	www
	expect 0 everleaf renew
	no_ca
	age_and_fail 5 6
	remember "UPDATE certificate SET not_before = not_before + 40, not_after = not_after + 8, sum = NULL"
	start_agent
	is_told() { [ "$(told '^expiring')" = 1 ]; }
	until_true 60 is_told
	stop_agent
}

# With many certificates and a CA that is slow to say no it is so for days.
test_what_fails_is_told_while_the_agent_is_never_done() {
	www 'type = "exec"; program = "'"$dir/slow"'";'
	sed -i 's|^certificates = (|&{ name = "bad"; names = "localhost"; issuer = "no"; hooks = "ops"; },|
		s|^issuers = (|&{ name = "no"; type = "exec"; program = "'"$dir/no"'"; },|' everleaf.conf
	hook no <<<"exit 1"
	hook slow <<-'H'
	until [ -e "$dir/go" ]; do sleep 0.1; done
	touch "$dir/done"
	H
	start_agent
	is_told() { [ "$(told '^failed 1 bad')" = 1 ]; }
	until_true 90 is_told
	until_true 60 test -e slow.ran
	[ ! -e done ]
	touch go
	stop_agent
}

# That it has failed is on disk by then, so it is not tried again before tomorrow.
test_what_failed_is_told_though_the_agent_dies_before() {
	www 'type = "local";' ', "gate"' ", { name = \"gate\"; run = [ \"$dir/gate\", \"run\" ]; }"
	sed -i 's|^certificates = (|&{ name = "bad"; names = "localhost"; issuer = "no"; hooks = "ops"; },|
		s|^issuers = (|&{ name = "no"; type = "exec"; program = "'"$dir/no"'"; },|' everleaf.conf
	hook no <<<"exit 1"
	hook gate <<-'H'
	until [ -e "$dir/go" ]; do sleep 0.1; done
	H
	start_agent
	has_failed() { [ "$(events bad failed)" = 1 ]; }
	is_told() { [ "$(told '^failed 1 bad: ordering: no: ')" = 1 ]; }
	until_true 60 has_failed
	is 0 "$(told)" # for half a minute something is under way
	kill -KILL "$(role agent)"
	until_true 60 said "starting again"
	touch go
	until_true 60 is_told
	is 1 "$(events bad failed)"
	stop_agent
	expect 1 everleaf renew
	is "1 1" "$(told) $(events bad failed)"
}

test_what_is_renewed_in_time_is_not_near_its_end() {
	www
	expect 0 everleaf renew
	age 59 60
	expect 0 everleaf renew
	is "0 2" "$(told) $(live www)"
}

test_files_that_are_left_are_told_of_each_day() {
	www
	sed -i "s|names = |on_drift = \"report\"; files = ( { path = \"$dir/out.pem\"; content = \"cert\"; } ); names = |" everleaf.conf
	expect 0 everleaf renew
	echo mine >out.pem
	expect 0 everleaf renew
	expect 0 everleaf renew
	is "1 1" "$(told) $(told '^drift 1 www: ')"
	a_day_passes
	expect 0 everleaf renew
	is "2 1" "$(told) $(events www drift)"
}

# The Date of what the CA says is MINUTES from now.
date_header() { # MINUTES
	echo "directory * header Date: $(date -u -d "$1 minutes" '+%a, %d %b %Y %H:%M:%S GMT')"
}

test_a_clock_that_no_ca_shares_is_told_of_and_works_slowly() {
	start_ca < <(date_header -2970)
	www "type = \"acme\"; url = \"$url\"; trust = \"$trust\"; contact = \"mailto:ops@example.org\"; agree_terms = true;
		challenge = $(webroot);"
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	is "1 1" "$(told) $(told '^clock 0 : the clock says 20.* 2d 1h ahead of what a CA says: ')"
	is clock "$(json event <document)"
	json error <document | has "ahead of what a CA says"
	says err "what is due is done one by one"
	script < <(date_header 2970)
	expect 0 everleaf renew --force www
	is 1 "$(told)"
	script < <(date_header 1) # it is well again
	expect 0 everleaf renew --force www
	script < <(date_header -2970)
	expect 0 everleaf renew --force www
	is 2 "$(told)"
}

run_tests "$@"
