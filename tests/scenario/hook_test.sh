#!/bin/bash
# hook: what a hook is told, and what becomes of one that misbehaves.
. "$(dirname "$0")/../lib.sh"

www() { # [SETTINGS of the hook] [SETTINGS of the certificate]
	config <<-C
	certificates = ( { name = "www"; names = [ "localhost", "www.example.org" ]; issuer = "local"; hooks = "web"; ${2-} } );
	hooks = ( $(hook_config web "${1-}") );
	C
}

variable() { # NAME: as the hook saw it
	sed -n "s/^$1=//p" "$dir/env"
}

test_a_hook_is_told_what_happened_in_its_environment() {
	local live=$dir/state/live/www
	hook web <<-'H'
	[ "$1" = test ] || env >"$dir/env"
	H
	SECRET=s3cret && export SECRET
	www
	expect 0 everleaf renew
	is installed "$(variable EVERLEAF_EVENT)"
	is web "$(variable EVERLEAF_HOOK)"
	is 1 "$(variable EVERLEAF_COUNT)"
	is www "$(variable EVERLEAF_NAMES)"
	is www "$(variable EVERLEAF_NAME)"
	is "localhost www.example.org" "$(variable EVERLEAF_DOMAINS)"
	is "$live" "$(variable EVERLEAF_DIR)"
	is "$live/cert.pem" "$(variable EVERLEAF_CERT)"
	is "$live/privkey.pem" "$(variable EVERLEAF_KEY)"
	is "$live/chain.pem" "$(variable EVERLEAF_CHAIN)"
	is "$live/fullchain.pem" "$(variable EVERLEAF_FULLCHAIN)"
	is "$(openssl x509 -in "$live/cert.pem" -noout -serial)" "serial=$(variable EVERLEAF_SERIAL)"
	is "$(live_leaf www)" "$(variable EVERLEAF_FINGERPRINT)"
	is "$(status_of www not_after)" "$(variable EVERLEAF_NOT_AFTER)"
	is missing "$(variable EVERLEAF_WHY)"
	is "" "$(variable EVERLEAF_ERROR)"
	is "$live" "$(variable RENEWED_LINEAGE)"
	is "localhost www.example.org" "$(variable RENEWED_DOMAINS)"
	[ -n "$(variable PATH)" ]
	[ -n "$(variable LANG)" ]
	[ -n "$(variable HOME)" ]
	is "" "$(variable SECRET)"
}

test_a_hook_finds_a_document_on_its_standard_input() {
	hook web <<-'H'
	cat >"$dir/$1.json"
	H
	www
	expect 0 everleaf renew
	is installed "$(json event <run.json)"
	is web "$(json hook <run.json)"
	is 1 "$(json certificates.# <run.json)"
	is www "$(json certificates.0.name <run.json)"
	is "$(live_leaf www)" "$(json certificates.0.fingerprint <run.json)"
	is "$dir/state/live/www" "$(json certificates.0.dir <run.json)"
	is '["localhost","www.example.org"]' "$(json certificates.0.domains <run.json)"
	is missing "$(json certificates.0.why <run.json)"
	json <test.json
}

test_certificates_that_change_together_have_one_run_of_a_hook() {
	hook web <<-'H'
	[ "$1" = test ] && exit
	env >"$dir/env"
	cat >"$dir/run.json"
	H
	config <<-C
	defaults = { issuer = "local"; hooks = "web"; };
	certificates = ( { names = "a.example.org"; }, { names = "b.example.org"; }, { names = "c.example.org"; } );
	hooks = ( $(hook_config web) );
	C
	expect 0 everleaf renew
	is 1 "$(ran web run)"
	is 3 "$(variable EVERLEAF_COUNT)"
	is "a.example.org b.example.org c.example.org" "$(variable EVERLEAF_NAMES | tr ' ' '\n' | sort | xargs)"
	is "" "$(variable EVERLEAF_NAME)"
	is 3 "$(json certificates.# <run.json)"
}

test_hooks_run_in_the_order_of_the_configuration() {
	hook one <<-'H'
	[ "$1" = test ] || echo one >>"$dir/order"
	H
	hook two <<-'H'
	[ "$1" = test ] || echo two >>"$dir/order"
	H
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = [ "one", "two" ]; } );
	hooks = ( $(hook_config one), $(hook_config two) );
	C
	expect 0 everleaf renew
	is "one two" "$(xargs <order)"
}

test_a_hook_sees_the_new_set_whole() {
	hook web <<-'H'
	[ "$1" = test ] && exit
	openssl x509 -in "$EVERLEAF_CERT" -noout -pubkey >"$dir/a"
	openssl pkey -in "$EVERLEAF_KEY" -pubout >"$dir/b"
	H
	www
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	cmp a b
	is "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)" "$(cat a)"
}

test_a_hook_gets_no_descriptor_of_ours() {
	hook web <<-'H'
	[ "$1" = test ] || ls /proc/self/fd >"$dir/fds"
	H
	www
	expect 0 everleaf renew
	is "0 1 2 3" "$(sort -n fds | xargs)"
}

test_a_hook_runs_as_the_configured_user() {
	is_root || skip "needs root: a hook can only be of the caller"
	hook web <<-'H'
	[ "$1" = test ] || echo "$(id -u):$(id -g) $(id -G)" >"$dir/home/id"
	H
	mkdir -m 777 home
	touch web.ran
	chmod 666 web.ran
	www 'user = "61005";'
	expect 0 everleaf renew
	is "61005:61005 61005" "$(cat home/id)"
}

test_a_hook_that_exits_with_7_stays_pending_until_it_succeeds() {
	hook web <<-'H'
	[ "$1" = test ] || [ -e "$dir/works" ] || { echo "no luck" >&2; exit 7; }
	H
	www
	expect 1 everleaf renew
	says err "exited with 7: no luck"
	is_live_of www 1 1
	is '["web"]' "$(status_of www hooks_pending)"
	expect 1 everleaf renew
	says err "after 1 failure in a row, the last of which was: hook web: exited with 7: no luck; "
	is 1 "$(ran web run)"
	expect 1 everleaf renew --json
	json certificates.0.error <out | has "exited with 7: no luck"
	is waiting "$(json certificates.0.result <out)"
	expect 1 everleaf renew www
	is 2 "$(ran web run)"
	touch works
	expect 0 everleaf renew www
	is 3 "$(ran web run)"
	is '[]' "$(status_of www hooks_pending)"
	is null "$(status_of www last_error)"
	expect 0 everleaf renew
	expect 0 everleaf renew www
	is 3 "$(ran web run)"
	is_live_of www 1 1
}

test_a_hook_that_hangs_is_ended_with_all_that_it_started() {
	hook web <<-'H'
	[ "$1" = test ] && exit
	sleep 600 &
	echo $! >"$dir/child"
	sleep 600
	H
	www 'timeout = "1s";'
	expect 1 everleaf renew
	says err "ran longer than 1s"
	is '["web"]' "$(status_of www hooks_pending)"
	not kill -0 "$(cat child)" 2>/dev/null
	is_live_of www 1 1
}

test_a_hook_that_will_not_hear_is_killed() {
	hook web <<-'H'
	[ "$1" = test ] && exit
	trap '' TERM HUP INT
	echo $$ >"$dir/child"
	while :; do sleep 1; done
	H
	www 'timeout = "1s";'
	expect 1 everleaf renew
	says err "ran longer than 1s"
	not kill -0 "$(cat child)" 2>/dev/null
}

test_a_hook_that_leaves_its_session_is_found() {
	hook web <<-'H'
	[ "$1" = test ] && exit
	setsid sh -c 'echo $$ >"$0/child"; exec sleep 600' "$dir" &
	sleep 600
	H
	www 'timeout = "1s";'
	expect 1 everleaf renew
	not kill -0 "$(cat child)" 2>/dev/null
}

test_what_a_hook_leaves_running_on_purpose_does_not_hold_up_the_run() {
	hook web <<-'H'
	[ "$1" = test ] && exit
	sleep 60 >/dev/null 2>&1 &
	echo $! >"$dir/pids"
	H
	www
	local begin=$SECONDS
	expect 0 everleaf renew
	[ $((SECONDS - begin)) -lt 30 ]
}

test_a_hook_that_holds_its_output_open_does_not_hold_up_the_run() {
	hook web <<-'H'
	[ "$1" = test ] && exit
	sleep 60 &
	echo $! >"$dir/pids"
	H
	www
	local begin=$SECONDS
	expect 0 everleaf renew
	[ $((SECONDS - begin)) -lt 30 ]
}

test_a_hook_that_floods_is_cut_and_goes_on() {
	hook web <<-'H'
	[ "$1" = test ] && exit
	head -c 20000000 /dev/zero | tr '\0' x
	yes "many lines" | head -n 200000
	H
	www
	expect 0 everleaf renew
	[ "$(stat -c %s out)" -lt 1000000 ]
	[ "$(stat -c %s err)" -lt 1000000 ]
}

test_a_hook_cannot_write_control_bytes_to_the_log() {
	hook web <<-'H'
	[ "$1" = test ] || printf 'red \033[31m and a bell \007 and a cr \r\n' >&2
	H
	www
	expect 0 everleaf renew
	is "" "$(tr -d '\n\t -~' <err)"
}

test_a_hook_that_is_killed_stays_pending() {
	hook web <<-'H'
	[ "$1" = test ] || [ -e "$dir/works" ] || kill -9 $$
	H
	www
	expect 1 everleaf renew
	says err "killed by signal 9"
	is '["web"]' "$(status_of www hooks_pending)"
	touch works
	expect 0 everleaf renew www
	is '[]' "$(status_of www hooks_pending)"
	is_live_of www 1 1
}

# The supervisor under strace, which says what it sends: the last is what the hook has done.
renewed_under() { # OPTIONS
	ASAN_OPTIONS=detect_leaks=0 expect 0 timeout 60 strace -qq -o traced "$@" \
		"$BUILD/everleaf" -c everleaf.conf renew www --force
}

test_a_hook_whose_result_cannot_be_told_runs_again() {
	strace -o traced true || skip "strace (Debian: strace) cannot trace here"
	hook web <<-'H'
	echo "$1" >>"$dir/ran"
	H
	www
	expect 0 everleaf renew
	renewed_under -e trace=sendmsg
	: >ran
	renewed_under -e trace=sendmsg -e inject=sendmsg:error=ENOBUFS:when="$(grep -c sendmsg traced)"
	grep -q INJECTED traced
	is 2 "$(grep -c run ran)"
}

test_a_hook_that_is_gone_stays_pending() {
	hook web <<<'exit 0'
	www
	expect 0 everleaf renew
	sed -i 's|^#!/bin/sh|#!/no/such/shell|' web
	expect 1 everleaf renew --force www
	sed -i 's|^#!/no/such/shell|#!/bin/sh|' web
	expect 0 everleaf renew www
	is_live_of www 2 2
}

test_a_hook_program_that_others_can_write_is_an_error_of_configuration() {
	hook web <<<'exit 0'
	www
	chmod 777 web
	expect 2 everleaf renew
	says err "others can change it: everybody can write $dir/web (mode 0777)"
	chmod 755 web
	chmod 777 .
	expect 2 everleaf renew
	says err "others can change it: everybody can write $dir (mode 0777)"
	chmod 755 .
	is_root || return 0
	chmod 775 web # of group 0, which whoever runs it does not let pass, either
	expect 2 everleaf check
	says err "others can change it: $dir/web: others can write web (mode 0775)"
	[ ! -e state ]
}

test_a_hook_program_where_none_runs_is_an_error_of_configuration() {
	is_root || skip "needs root: mount"
	mkdir -m 755 noexec
	mount -t tmpfs -o noexec,mode=755 none noexec || skip "no mount here"
	echo "$dir/noexec" >>"$dir/mounts"
	hook web <<<'exit 0'
	mv web noexec/web
	ln -s noexec/web web
	www
	expect 2 everleaf check
	says err "expected one to run: its file system is mounted with noexec"
}

test_an_unknown_hook_is_an_error_of_configuration() {
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "webb"; } );
	C
	expect 2 everleaf renew
	says err webb
}

test_an_event_that_a_hook_does_not_want_does_not_run_it() {
	hook web <<<'exit 0'
	www 'on = "rolled-back";'
	expect 0 everleaf renew
	is 0 "$(ran web)"
	expect 0 everleaf renew --force www
	is 0 "$(ran web)"
	expect 0 everleaf rollback www
	is 1 "$(ran web "run rolled-back")"
}

run_tests "$@"
