#!/bin/bash
# exec: certificates that a program gets: what it is given, what each of its answers means,
# and that it is asked for the same again, whatever died meanwhile. The programs sign with
# openssl, or are certmonger's own helpers.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_pki.sh"

helpers=/usr/lib/certmonger
[ -d $helpers ] || helpers=/usr/libexec/certmonger

# The program $dir/sign from stdin. It notes each run as a line of $dir/sign.ran; `sign`
# in it prints a certificate for the request on its stdin.
program() {
	{
		cat <<-S
		#!/bin/sh
		PATH=\$PATH:/usr/bin
		cd "$dir" || exit 9
		echo "\$EVERLEAF_STEP\$CERTMONGER_OPERATION \$EVERLEAF_HANDLE\$CERTMONGER_CA_COOKIE" | tr '\n' ' ' >>sign.ran
		echo >>sign.ran
		S
		cat <<-'S'
		sign() { # [CA]
			cat >"request.$$"
			{ openssl req -in "request.$$" -noout -text | grep -A1 'Subject Alternative' | tail -n 1
			  echo 'basicConstraints=critical,CA:FALSE'
			  echo 'authorityKeyIdentifier=keyid'
			} | sed '1s/^ */subjectAltName=/; 1s/IP Address/IP/g' >"ext.$$"
			openssl x509 -req -in "request.$$" -CA "${1-ca}.pem" -CAkey "${1-ca}.key" \
				-days 20 -extfile "ext.$$" 2>/dev/null
		}
		S
		cat
	} >"$dir/sign"
	chmod 755 "$dir/sign"
}

by_program() { # [SETTINGS of the issuer [of the certificate]]
	config <<-C
	issuers = ( { name = "corp"; type = "exec"; program = "$dir/sign"; ${1-} } );
	certificates = ( { name = "www"; names = [ "www.example.org", "127.0.0.1" ]; issuer = "corp"; ${2-} } );
	C
}

runs() { # [WORDS]
	cat "$dir/sign.ran" 2>/dev/null | grep -c -- "${1-}" || :
}

fails_with() { # WORDS: of the error; nothing is live of it
	expect 1 everleaf renew
	says err "$1"
	[ ! -e state/live/www ]
}

test_what_it_prints_is_verified_and_goes_live() {
	openssl_ca root
	openssl_ca ca root
	program <<-'S'
	env | grep '^EVERLEAF_' | grep -v EVERLEAF_RUN= | sort >env
	sign; cat ca.pem
	S
	by_program "trust = \"$dir/root.pem\";" "files = ( { path = \"$dir/trust.pem\"; content = \"ca\"; } );"
	expect 0 everleaf check
	expect 0 everleaf renew
	is_live_of www 1 1
	openssl verify -x509_strict -CAfile root.pem -untrusted ca.pem state/live/www/cert.pem
	cmp ca.pem state/live/www/chain.pem
	cmp root.pem trust.pem
	is "EVERLEAF_DOMAINS=www.example.org 127.0.0.1
EVERLEAF_ISSUER=corp
EVERLEAF_NAME=www
EVERLEAF_STEP=submit
EVERLEAF_WHY=missing" "$(cat env)"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	says env "EVERLEAF_CERT=$dir/state/live/www/cert.pem"
	says env "EVERLEAF_WHY=asked"
}

test_the_leaf_is_found_and_the_rest_put_in_order() {
	openssl_ca root
	openssl_ca ca root
	openssl_ca stranger
	openssl_leaf other ca
	program <<-'S'
	cat root.pem stranger.pem other.pem ca.pem ca.pem; echo words; sign | sed 's/$/\r/'
	S
	by_program
	expect 0 everleaf renew
	cmp ca.pem state/live/www/chain.pem
	openssl verify -CAfile root.pem -untrusted ca.pem state/live/www/cert.pem
}

test_later_is_asked_for_again_and_submitted_once() {
	openssl_ca ca
	program <<-'S'
	[ "$EVERLEAF_STEP" = poll ] || { echo 1; echo request 7; echo not approved yet >&2; exit 75; }
	[ "$EVERLEAF_HANDLE" = "request 7" ] && [ -e approved ] || { echo 1; echo "$EVERLEAF_HANDLE"; exit 75; }
	sign
	S
	by_program "trust = \"$dir/ca.pem\";"
	start_agent
	until_true 60 polled
	touch approved
	until_true 60 has_live www 1
	stop_agent
	is 1 "$(runs submit)"
}

polled() {
	[ "$(runs 'poll request 7')" -ge 1 ]
}

test_who_is_asked_in_the_place_of_one_that_says_later_is_asked_now() {
	program <<-'S'
	echo 864000; echo 7; exit 75
	S
	by_program
	expect 1 everleaf renew
	says err 'parked until'
	expect 1 everleaf renew
	is 1 "$(runs submit)"
	config <<-C
	issuers = ( { name = "lab"; type = "local"; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; } );
	C
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_later_outlives_whoever_is_killed() {
	openssl_ca ca
	program <<-'S'
	[ "$EVERLEAF_STEP" = poll ] || { echo 3600; echo 7; exit 75; }
	sign
	S
	by_program "trust = \"$dir/ca.pem\";"
	start_agent
	until_true 60 is_parked
	kill -9 $run "$(role agent)" "$(role keeper)"
	wait $run || :
	no_role_is_left
	says sign.ran 'submit '
	expect 0 everleaf renew www
	is "submit  poll 7 " "$(tr -d '\n' <sign.ran)"
	is_live_of www 1 1
}

test_a_run_that_outlives_who_asked_is_not_begun_again() {
	local who
	openssl_ca ca
	program <<-'S'
	mkdir slot || echo two >>two
	until [ -e go ]; do sleep 0.1; done
	sign
	rmdir slot
	S
	for who in agent keeper; do
		rm -rf state sign.ran go
		by_program "trust = \"$dir/ca.pem\"; timeout = \"1h\";"
		start_agent
		until_true 60 test -d slot
		died=$(role agent)
		kill -9 "$(role $who)"
		until_true 60 another_agent
		touch go
		until_true 60 has_live www 1
		stop_agent
		is 1 "$(runs submit)"
	done
	[ ! -e two ]
}

test_a_run_outlives_another_configuration() {
	openssl_ca ca
	program <<-'S'
	touch begun
	until [ -e go ]; do sleep 0.1; done
	sign
	S
	by_program "trust = \"$dir/ca.pem\"; timeout = \"1h\";"
	start_agent
	until_true 60 test -e begun
	died=$(role agent)
	by_program "trust = \"$dir/ca.pem\"; timeout = \"50m\";"
	kill -HUP $run
	until_true 60 another_agent
	touch go
	until_true 60 has_live www 1
	stop_agent
	is 1 "$(runs submit)"
}

# Its last words are waited for.
test_a_stop_waits_for_a_run_that_is_about_to_end() {
	openssl_ca ca
	program <<-'S'
	trap '' TERM
	touch begun
	until [ -e go ]; do sleep 0.1; done
	sign
	S
	by_program "trust = \"$dir/ca.pem\"; timeout = \"1h\";"
	start_agent
	until_true 60 test -e begun
	kill -TERM $run
	touch go
	wait $run
	is_live_of www 1 1
	is 1 "$(runs submit)"
}

another_agent() {
	has_role agent && [ "$(role agent)" != "$died" ]
}

test_it_runs_as_its_user() {
	is_root || skip "only root can become another"
	program <<<'id -u >&2; id -g >&2; exit 3'
	by_program 'user = "61004";'
	fails_with "exited with 3: 61004"
}

is_parked() {
	[ "$(events www parked)" = 1 ]
}

test_what_it_refuses_a_person_has_to_look_at() {
	program <<-'S'
	echo "no such team" >&2
	exit 77
	S
	by_program
	fails_with "corp: $dir/sign: it refuses the request: exited with 77: no such team"
	expect 1 everleaf renew
	says err "not tried again before" # tomorrow
	is 1 "$(runs)"
}

test_without_trust_a_leaf_must_not_come_alone() {
	openssl_ca ca
	program <<<'sign'
	by_program
	fails_with "the certificate came alone: let trust name the file of its CA, or the program print that behind it"
	program <<<'sign; cat ca.pem'
	expect 0 everleaf renew --force www
	[ ! -s state/live/www/chain.pem ]
}

test_it_is_replaced_and_its_ca_is_to_be_told() {
	openssl_ca ca
	program <<<'sign'
	by_program "trust = \"$dir/ca.pem\";"
	expect 0 everleaf renew
	expect 2 everleaf revoke www
	says err "www: it is from a program, which cannot revoke it: its CA has to be told; everleaf revoke www --replace"
	expect 0 everleaf revoke www --replace --reason keyCompromise
	says err "www: generation 1 was from a program, which cannot revoke it"
	is_live_of www 2 2
}

test_when_a_program_fails_again_and_again_the_next_issuer_is_asked() {
	program <<<'exit 3'
	config <<-C
	issuers = ( { name = "corp"; type = "exec"; program = "$dir/sign"; } );
	certificates = ( { name = "www"; names = "www.example.org"; issuer = [ "corp", "local" ]; } );
	C
	for _ in 1 2; do
		expect 1 everleaf renew --force www
	done
	expect 0 everleaf renew --force www
	is 3 "$(runs)"
	says out "issued"
}

test_a_trust_file_that_was_spoilt_is_said() {
	openssl_ca ca
	by_program "trust = \"$dir/trust.pem\";"
	local spoil words
	while IFS=@ read -r spoil words; do
		rm -rf state trust.pem
		cp ca.pem trust.pem
		program <<<"sign; $spoil"
		fails_with "trust $dir/trust.pem: $words"
	done <<-'S'
	echo nothing >trust.pem@no certificate in it
	rm trust.pem@it is no file that can be read
	rm trust.pem; mkfifo trust.pem@it is no file that can be read
	head -c 30000 /dev/zero >trust.pem@more than 24576 bytes: keep in it the CAs of this issuer alone
	S
}

test_a_request_of_the_users_own_is_handed_on() {
	openssl_ca ca
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.key -subj "/O=Own" \
		-addext subjectAltName=DNS:own.example.org -out own.csr 2>/dev/null
	program <<<'sign'
	config <<-C
	issuers = ( { name = "corp"; type = "exec"; program = "$dir/sign"; trust = "$dir/ca.pem"; } );
	certificates = ( { name = "own"; csr = "$dir/own.csr"; issuer = "corp"; } );
	C
	expect 0 everleaf renew
	openssl x509 -in state/live/own/cert.pem -noout -subject -nameopt RFC2253 | has 'O=Own'
}

test_many_run_beside_each_other_and_all_come() {
	openssl_ca ca
	program <<-'S'
	mkdir "slot.$EVERLEAF_NAME"
	ls -d slot.* | wc -l >>beside
	sign
	rmdir "slot.$EVERLEAF_NAME"
	S
	{
		echo "issuers = ( { name = \"corp\"; type = \"exec\"; program = \"$dir/sign\"; trust = \"$dir/ca.pem\"; parallel = 3; } );"
		echo "certificates = ("
		for i in {1..19}; do echo "{ names = \"c$i.example.org\"; issuer = \"corp\"; },"; done
		echo "{ names = \"c20.example.org\"; issuer = \"corp\"; } );"
	} | config
	expect 0 everleaf renew
	is 20 "$(ls state/live | wc -l)"
	[ "$(sort -n beside | tail -n 1)" -le 3 ]
}

test_certmongers_own_signer_runs_as_it_is() {
	[ -x $helpers/local-submit ] || skip "certmonger is not installed"
	mkdir -m 700 signer
	CERTMONGER_OPERATION=FETCH-ROOTS $helpers/local-submit -d "$dir/signer" >roots
	sed -n '/BEGIN/,$p' roots >ca.pem
	by_helper "\"$helpers/local-submit\", \"-d\", \"$dir/signer\"" "trust = \"$dir/ca.pem\";"
	expect 0 everleaf renew
	is_live_of www 1 1
	openssl verify -x509_strict -purpose sslserver -CAfile ca.pem state/live/www/cert.pem
	openssl x509 -in state/live/www/cert.pem -noout -subject -ext subjectAltName -nameopt RFC2253 >text
	says text "DNS:www.example.org, IP Address:127.0.0.1"
	says text "subject=CN=www.example.org"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
}

by_helper() { # WORDS [SETTINGS]
	config <<-C
	issuers = ( { name = "ipa"; type = "exec"; dialect = "certmonger"; program = [ $1 ]; ${2-} } );
	certificates = ( { name = "www"; names = [ "www.example.org", "127.0.0.1" ]; issuer = "ipa"; } );
	C
}

test_certmongers_helpers_say_what_is_wrong() {
	[ -x $helpers/dogtag-submit ] || skip "certmonger is not installed"
	free_port
	by_helper "\"$helpers/dogtag-submit\", \"-E\", \"http://127.0.0.1:$port/\", \"-A\", \"http://127.0.0.1:$port/\""
	fails_with "ipa: $helpers/dogtag-submit: it does not reach its CA: exited with 3: Error 7 connecting to"
	by_helper "\"$helpers/scep-submit\", \"-u\", \"http://127.0.0.1:$port/\""
	expect 1 everleaf renew --force www
	says err "ipa: $helpers/scep-submit: it cannot work as it is configured: exited with 4"
}

test_certmongers_cookie_is_kept_and_given_back() {
	openssl_ca ca
	program <<-'S'
	case $CERTMONGER_OPERATION-$CERTMONGER_CA_COOKIE in
	SUBMIT-) printf '0\nstate=approve&requestId=7\n'; exit 5 ;;
	"POLL-state=approve&requestId=7") printf '1\nstate=retrieve\n'; exit 5 ;;
	POLL-state=retrieve) env >env; echo "$CERTMONGER_CSR" | sign ;;
	*) exit 2 ;;
	esac
	S
	by_helper "\"$dir/sign\"" "trust = \"$dir/ca.pem\";"
	expect 0 everleaf renew
	is 3 "$(runs)"
	says env "CERTMONGER_CA_NICKNAME=ipa"
	says env "CERTMONGER_REQ_SUBJECT=CN=www.example.org"
	says env "CERTMONGER_REQ_HOSTNAME=www.example.org"
	says env "CERTMONGER_REQ_IP_ADDRESS=127.0.0.1"
	says env "-----BEGIN CERTIFICATE REQUEST-----"
	has_no CERTMONGER_CERTIFICATE= <env
	touch again
	program <<<'env >env; sign'
	expect 0 everleaf renew --force www
	says env "CERTMONGER_CERTIFICATE=-----BEGIN CERTIFICATE-----"
}

test_wrong_settings_are_errors() {
	config <<-C
	issuers = ( { name = "a"; type = "exec"; },
	  { name = "b"; type = "exec"; program = "/nowhere/sign"; },
	  { name = "c"; type = "exec"; program = "true"; dialect = "certbot"; url = "https://ca.example/"; },
	  { name = "d"; type = "exec"; program = "true"; timeout = "2h"; trust = "/nowhere/ca.pem"; },
	  { name = "e"; type = "local"; program = "true"; } );
	C
	expect 2 everleaf check
	says err "issuers.a.program: found nothing, expected a program and its arguments"
	says err 'issuers.b.program: found the program "/nowhere/sign", expected one to run'
	says err 'issuers.c.dialect: found "certbot", expected one of'
	says err "issuers.c.url: found a setting that does not belong here"
	says err "issuers.d.timeout: found"
	says err "issuers.d.trust: found"
	says err "issuers.e.program: found a setting that does not belong here"
}

run_tests "$@"
