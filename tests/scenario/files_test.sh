#!/bin/bash
# files: what is written outside of the store, as what, and what is done about changes.
. "$(dirname "$0")/../lib.sh"

www() { # FILES [SETTINGS of the certificate]
	mkdir -p tls
	config <<-C
	issuers = ( { name = "lab"; type = "local"; intermediate = true; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; files = ( $1 ); ${2-} } );
	C
}

file() { # NAME CONTENT [SETTINGS]
	printf '{ path = "%s"; content = "%s"; %s }' "$dir/tls/$1" "$2" "${3-}"
}

test_each_content_is_what_its_name_says() {
	local set=state/live/www
	www "$(file full fullchain), $(file cert cert), $(file chain chain), $(file key key),
		$(file combined combined), $(file der der), $(file ca ca)"
	expect 0 everleaf renew
	cmp tls/full $set/fullchain.pem
	cmp tls/cert $set/cert.pem
	cmp tls/chain $set/chain.pem
	cmp tls/key $set/privkey.pem
	cat $set/privkey.pem $set/cert.pem $set/chain.pem | cmp tls/combined -
	openssl x509 -in $set/cert.pem -outform DER | cmp tls/der -
	cmp tls/ca state/ca/lab/root.pem
	is "$(openssl x509 -in tls/cert -noout -issuer | cut -d = -f 2-)" \
		"$(openssl x509 -in tls/chain -noout -subject | cut -d = -f 2-)"
}

test_what_holds_the_key_is_for_its_owner_only() {
	www "$(file cert cert), $(file key key), $(file combined combined)"
	(umask 0 && expect 0 everleaf renew)
	is "644 600 600" "$(stat -c %a tls/cert tls/key tls/combined | xargs)"
	is "$(id -u)" "$(stat -c %u tls/key)"
}

test_a_mode_is_given_as_configured() {
	www "$(file cert cert 'mode = "0640";'), $(file key key 'mode = "0440";')" 'mode = "0640";'
	expect 0 everleaf renew
	is "640 440 640" "$(stat -c %a tls/cert tls/key state/live/www/privkey.pem | xargs)"
}

test_owner_and_group_are_given_as_configured() {
	is_root || skip "needs root: nothing can be given to others"
	www "$(file key key 'owner = "61007"; group = "61008"; mode = "0640";')" \
		'owner = "61009"; group = "61010"; mode = "0640";'
	expect 0 everleaf renew
	is "61007:61008 640" "$(stat -c '%u:%g %a' tls/key)"
	is "61009:61010 640" "$(stat -c '%u:%g %a' state/live/www/privkey.pem)"
}

test_a_renewal_replaces_a_file_and_never_writes_into_it() {
	local inode mtime
	www "$(file combined combined)"
	expect 0 everleaf renew
	inode=$(stat -c %i tls/combined)
	mtime=$(stat -c %Y tls/combined)
	exec 8<tls/combined
	cp tls/combined before
	expect 0 everleaf renew --force www
	cmp before - <&8
	[ "$inode" != "$(stat -c %i tls/combined)" ]
	[ "$mtime" -lt "$(stat -c %Y tls/combined)" ]
	is combined "$(ls -A tls)"
}

test_a_changed_file_is_repaired_without_an_issue() {
	www "$(file combined combined), $(file cert cert)"
	expect 0 everleaf renew
	cp tls/cert good
	echo tampered >>tls/cert
	expect 0 everleaf plan
	says out files-differ
	expect 0 everleaf status
	says out "files differ"
	expect 0 everleaf renew
	cmp good tls/cert
	is_live_of www 1 1
	is 1 "$(events www repaired)"
	expect 0 everleaf renew
	is 1 "$(events www repaired)"
}

test_a_removed_file_is_written_again() {
	www "$(file combined combined)"
	expect 0 everleaf renew
	rm tls/combined
	expect 0 everleaf renew
	is "$(live_leaf www)" "$(leaf_of tls/combined)"
	is_live_of www 1 1
}

test_a_mode_that_someone_opened_is_closed_again() {
	www "$(file combined combined)"
	expect 0 everleaf renew
	chmod 644 tls/combined
	expect 0 everleaf renew
	is 600 "$(stat -c %a tls/combined)"
	is_live_of www 1 1
}

test_drift_is_only_reported_where_that_is_asked_for() {
	www "$(file cert cert)" 'on_drift = "report";'
	expect 0 everleaf renew
	echo tampered >>tls/cert
	expect 0 everleaf renew
	grep -q tampered tls/cert
	expect 0 everleaf status
	says out "files differ"
	expect 1 everleaf status --check
	says out "files differ"
}

test_hooks_are_run_after_a_repair() {
	hook web <<-H
	cp $dir/tls/cert $dir/seen
	H
	www "$(file cert cert)" 'hooks = "web";'
	echo "hooks = ( $(hook_config web) );" >>everleaf.conf
	expect 0 everleaf renew
	echo tampered >>tls/cert
	expect 0 everleaf renew
	is 2 "$(ran web run)"
	cmp seen tls/cert
}

test_a_file_that_is_configured_later_is_written_without_an_issue() {
	www "$(file cert cert)"
	expect 0 everleaf renew
	www "$(file cert cert), $(file key key)"
	expect 0 everleaf renew
	cmp tls/key state/live/www/privkey.pem
	is_live_of www 1 1
}

test_a_symbolic_link_in_the_place_of_a_file_is_not_followed() {
	www "$(file cert cert)"
	echo precious >victim
	ln -s "$dir/victim" tls/cert
	expect 1 everleaf renew
	is precious "$(cat victim)"
	[ -L tls/cert ]
	rm tls/cert
	expect 0 everleaf renew www
	cmp tls/cert state/live/www/cert.pem
	is_live_of www 1 1
}

test_a_folder_that_is_missing_is_an_error_of_configuration() {
	www "{ path = \"$dir/nowhere/cert\"; content = \"cert\"; }"
	expect 2 everleaf renew
	says err "folder that exists"
	[ ! -e state ]
}

test_a_file_of_two_certificates_is_an_error_of_configuration() {
	mkdir tls
	config <<-C
	certificates = ( { names = "a.example.org"; issuer = "local"; files = ( $(file x cert) ); },
		{ names = "b.example.org"; issuer = "local"; files = ( $(file x cert) ); } );
	C
	expect 2 everleaf renew
	says err "tls/x"
}

test_a_live_key_that_is_not_its_certificates_is_replaced() {
	www "$(file combined combined)"
	expect 0 everleaf renew
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 >other.key 2>/dev/null
	cat other.key >state/archive/www/0000000001/privkey.pem
	expect 0 everleaf renew
	is_live_of www 2 2
	is "$(openssl x509 -in tls/combined -noout -pubkey)" "$(openssl pkey -in tls/combined -pubout)"
}

run_tests "$@"
