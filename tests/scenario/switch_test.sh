#!/bin/bash
# switch: install, test, run, and the way back; without a probe, so that it is quick.
. "$(dirname "$0")/../lib.sh"

# Its test fails as long as $dir/broken is there, and for a generation in $dir/refused.
service() { # NAME
	hook "$1" <<-'H'
	[ "$1" = test ] || exit 0
	[ ! -e "$dir/broken" ] || { echo "syntax error in line 1" >&2; exit 1; }
	for name in $EVERLEAF_NAMES; do
		number=$(readlink "$dir/state/live/$name")
		if grep -qx "$name ${number##*/0*0}" "$dir/refused" 2>/dev/null; then
			echo "no $name $number" >&2
			exit 1
		fi
	done
	H
}

www() { # [SETTINGS of the hook] [SETTINGS of the certificate]
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "web"; ${2-} } );
	hooks = ( $(hook_config web "${1-}") );
	C
}

test_a_test_runs_before_the_switch_and_after_it() {
	hook web <<-'H'
	readlink "$dir/state/live/www" >>"$dir/seen"
	H
	www
	expect 0 everleaf renew
	: >web.ran
	: >seen
	expect 0 everleaf renew --force www
	is "test installed test installed run installed" "$(xargs <web.ran)"
	is "0000000001 0000000002 0000000002" "$(sed 's|.*/||' seen | xargs)"
}

test_a_service_that_was_broken_before_keeps_the_new_set_and_its_hook_pending() {
	service web
	www
	expect 0 everleaf renew
	touch broken
	: >web.ran
	expect 1 everleaf renew --force www
	says err "its test failed already before the switch"
	is_live_of www 2 2
	is null "$(status_of www held)"
	is '["web"]' "$(status_of www hooks_pending)"
	is 0 "$(ran web run)"
	expect 1 everleaf renew www
	is_live_of www 2 2
	rm broken
	expect 0 everleaf renew www
	is 1 "$(ran web run)"
	is_live_of www 2 2
	is '[]' "$(status_of www hooks_pending)"
}

test_a_first_issue_is_kept_even_where_the_service_is_broken() {
	service web
	www
	touch broken
	expect 1 everleaf renew
	is_live_of www 1 1
	rm broken
	expect 0 everleaf renew www
	is_live_of www 1 1
}

test_a_refused_generation_is_taken_back_and_held() {
	service web
	www
	expect 0 everleaf renew
	echo www 2 >refused
	: >web.ran
	expect 1 everleaf renew --force www
	says err "its test refuses it"
	is_live_of www 1 2
	is 2 "$(status_of www held)"
	is held "$(status_of www health)"
	is "run rolled-back" "$(grep run web.ran)"
	is '[]' "$(status_of www hooks_pending)"
}

test_a_held_generation_is_installed_later_without_another_issue() {
	service web
	www
	expect 0 everleaf renew
	echo www 2 >refused
	expect 1 everleaf renew --force www
	expect 0 everleaf plan
	says out "install the held generation"
	expect 1 everleaf renew www
	is_live_of www 1 2
	rm refused
	expect 0 everleaf renew www
	is_live_of www 2 2
	is null "$(status_of www held)"
	is ok "$(status_of www health)"
	expect 0 everleaf renew --force www
	is_live_of www 3 3
}

test_force_orders_another_one_where_one_is_held() {
	service web
	www
	expect 0 everleaf renew
	echo www 2 >refused
	expect 1 everleaf renew --force www
	expect 0 everleaf renew --force www
	is_live_of www 3 3
	is null "$(status_of www held)"
}

test_a_held_generation_waits_for_its_next_attempt() {
	service web
	www
	expect 0 everleaf renew
	echo www 2 >refused
	expect 1 everleaf renew --force www
	rm refused
	expect 1 everleaf renew
	is_live_of www 1 2
	[ "$(status_of www next_at)" != null ]
}

test_a_held_generation_for_other_names_is_not_installed() {
	service web
	www
	expect 0 everleaf renew
	echo www 2 >refused
	expect 1 everleaf renew --force www
	config <<-C
	certificates = ( { name = "www"; names = [ "localhost", "new.example.org" ]; issuer = "local"; hooks = "web"; } );
	hooks = ( $(hook_config web) );
	C
	expect 0 everleaf renew www
	is_live_of www 3 3
	openssl x509 -in state/live/www/cert.pem -noout -ext subjectAltName | has new.example.org
	is null "$(status_of www held)"
}

# It has said nothing against the new set.
test_a_test_that_cannot_be_started_is_no_verdict() {
	service web
	cp web kept
	www
	expect 0 everleaf renew
	cat >web <<-H
	#!/bin/sh
	rm $dir/web
	H
	expect 1 everleaf renew --force www
	says err "hook web: its test could not be started"
	cp kept web
	is_live_of www 2 2
	is null "$(status_of www held)"
	is '["web"]' "$(status_of www hooks_pending)"
	is 0 "$(events www rolled-back)"
	: >web.ran
	expect 0 everleaf renew www
	is_live_of www 2 2
	is 1 "$(ran web "run installed")"
}

test_files_go_back_with_their_generation() {
	service web
	mkdir tls
	www '' "files = ( { path = \"$dir/tls/www.pem\"; content = \"combined\"; } );"
	expect 0 everleaf renew
	cp tls/www.pem before
	echo www 2 >refused
	expect 1 everleaf renew --force www
	cmp before tls/www.pem
	rm refused
	expect 0 everleaf renew www
	is "$(live_leaf www)" "$(leaf_of tls/www.pem)"
}

test_a_refused_one_takes_back_the_whole_batch() {
	service web
	config <<-C
	defaults = { issuer = "local"; hooks = "web"; };
	certificates = ( { name = "a"; names = "a.example.org"; }, { name = "b"; names = "b.example.org"; } );
	hooks = ( $(hook_config web) );
	C
	expect 0 everleaf renew
	echo b 2 >refused
	expect 1 everleaf renew --force --all
	is_live_of a 1 2
	is_live_of b 1 2
	is "2 2" "$(status_of a held) $(status_of b held)"
	rm refused
	expect 0 everleaf renew a b
	is_live_of a 2 2
	is_live_of b 2 2
}

test_a_refused_one_leaves_those_that_other_hooks_serve() {
	service web
	hook mail <<<'exit 0'
	config <<-C
	defaults = { issuer = "local"; };
	certificates = ( { name = "a"; names = "a.example.org"; hooks = "web"; },
		{ name = "b"; names = "b.example.org"; hooks = "mail"; } );
	hooks = ( $(hook_config web), $(hook_config mail) );
	C
	expect 0 everleaf renew
	echo a 2 >refused
	expect 1 everleaf renew --force --all
	is_live_of a 1 2
	is_live_of b 2 2
}

test_a_broken_service_does_not_keep_the_others_from_their_certificate() {
	service web
	hook mail <<<'exit 0'
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = [ "web", "mail" ]; } );
	hooks = ( $(hook_config web), $(hook_config mail) );
	C
	expect 0 everleaf renew
	touch broken
	: >mail.ran
	expect 1 everleaf renew --force www
	is_live_of www 2 2
	is 1 "$(ran mail run)"
	is '["web"]' "$(status_of www hooks_pending)"
	rm broken
	: >web.ran
	expect 0 everleaf renew www
	is 1 "$(ran web run)"
	is 1 "$(ran mail run)"
	is_live_of www 2 2
}

test_on_failure_keep_takes_nothing_back() {
	service web
	www 'on_failure = "keep";'
	expect 0 everleaf renew
	echo www 2 >refused
	expect 1 everleaf renew --force www
	is_live_of www 2 2
	is null "$(status_of www held)"
	is '["web"]' "$(status_of www hooks_pending)"
	rm refused
	expect 0 everleaf renew www
	is_live_of www 2 2
}

test_nothing_goes_back_to_a_generation_that_has_expired() {
	service web
	config <<-C
	issuers = ( { name = "short"; type = "local"; lifetime = "3s"; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "short"; hooks = "web"; } );
	hooks = ( $(hook_config web) );
	C
	expect 0 everleaf renew
	sleep 3.2
	echo www 2 >refused
	expect 1 everleaf renew
	is_live_of www 2 2
	is null "$(status_of www held)"
}

test_generations_are_kept_until_the_new_one_is_proven() {
	service web
	www '' 'keep = 1;'
	expect 0 everleaf renew
	is 0000000001 "$(ls state/archive/www)"
	echo www 2 >refused
	expect 1 everleaf renew --force www
	is "0000000001 0000000002" "$(ls state/archive/www | xargs)"
	rm refused
	expect 0 everleaf renew www
	is 0000000002 "$(ls state/archive/www)"
}

test_history_tells_what_happened_in_its_order() {
	service web
	www
	expect 0 everleaf renew
	echo www 2 >refused
	expect 1 everleaf renew --force www
	rm refused
	expect 0 everleaf renew www
	expect 0 everleaf history www
	is "issued installed hooked issued installed rolled-back held hooked failed installed hooked" \
		"$(awk 'NR > 1 { print $3 }' out | xargs)"
}

run_tests "$@"
