#!/bin/bash
# drift: files of ours that somebody else has changed: repaired or reported, told, and a
# newer pair of somebody else is not written over unless a person says so.
. "$(dirname "$0")/../lib.sh"

www() { # FILES [SETTINGS of the certificate]
	mkdir -p tls
	config <<-C
	issuers = ( { name = "lab"; type = "local"; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; files = ( $1 ); hooks = "tells"; ${2-} } );
	C
	hook tells <<-'H'
	[ "$EVERLEAF_EVENT" != drift ] || [ "$1" = test ] || echo "$EVERLEAF_NAMES: $EVERLEAF_ERROR" >>"$dir/told"
	H
	echo "hooks = ( $(hook_config tells 'on = [ "installed", "rolled-back", "drift" ];') );" >>everleaf.conf
}

file() { # NAME CONTENT [SETTINGS]
	printf '{ path = "%s"; content = "%s"; %s }' "$dir/tls/$1" "$2" "${3-}"
}

told() { # how often a hook was told of drift
	cat told 2>/dev/null | wc -l
}

# Somebody else's, in $dir/NAME.key and $dir/NAME.crt.
pair() { # NAME DAYS [HOST]
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$2" -subj /CN=other \
		-addext "subjectAltName=DNS:${3-localhost}" -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

# ... from HOURS ago, for DAYS from now.
aged_pair() { # NAME HOURS DAYS
	mkdir -p ca
	: >ca/index
	echo 01 >ca/serial
	cat >ca/conf <<-CONF
	[ ca ]
	default_ca = d
	[ d ]
	database = $dir/ca/index
	serial = $dir/ca/serial
	new_certs_dir = $dir/ca
	default_md = sha256
	policy = p
	x509_extensions = e
	[ p ]
	commonName = supplied
	[ e ]
	subjectAltName = DNS:localhost
	CONF
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other \
		-keyout "$1.key" -out ca/csr
	openssl ca -batch -notext -selfsign -config ca/conf -keyfile "$1.key" -in ca/csr -out "$1.crt" \
		-startdate "$(date -u -d "-$2 hours" +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "$3 days" +%Y%m%d%H%M%SZ)"
} 2>/dev/null

put() { # PAIR FILE: as one file
	cat "$1.key" "$1.crt" >"$2"
}

is_left() { # FILE: it is not ours, and that was said
	cmp "$1" before
	expect 0 everleaf plan
	says out "holds a newer certificate of"
	says out "everleaf renew www --force"
	expect 0 everleaf plan --json
	json plan.0.drift <out | has "left as it is"
	expect 0 everleaf status
	says out "foreign files"
	expect 1 everleaf status --check
	says out "www: foreign files"
	status_of www drift | has "holds a newer certificate of somebody else, until 20"
	cmp "$1" before
}

test_a_newer_pair_of_somebody_else_is_left_and_said() {
	local mode
	for mode in repair report; do
		rm -rf state told
		www "$(file www.pem combined)" "on_drift = \"$mode\";"
		expect 0 everleaf renew
		pair new 400
		put new tls/www.pem
		cp tls/www.pem before
		is_left tls/www.pem
		expect 0 everleaf renew
		says err "www: $dir/tls/www.pem holds a newer certificate of somebody else, until 20"
		is_left tls/www.pem
		is 1 "$(told)"
		grep -q '^www: .*newer certificate of somebody else' told
		is 1 "$(events www drift)"
		expect 0 everleaf renew # it was said
		is "" "$(cat out err)"
		is "1 1" "$(told) $(events www drift)"
		is_live_of www 1 1
	done
}

test_a_person_who_asks_for_it_has_it_written_over() {
	www "$(file www.pem combined)"
	expect 0 everleaf renew
	pair new 400
	put new tls/www.pem
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	says err "holds a newer certificate of somebody else"
	says err "written over"
	is "$(live_leaf www)" "$(leaf_of tls/www.pem)"
	is_live_of www 2 2
	expect 0 everleaf status --check
	expect 0 everleaf renew
	is "" "$(cat out err)"
	is null "$(status_of www drift)"
}

test_a_rollback_writes_over_it_too() {
	www "$(file www.pem combined)"
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	pair new 400
	put new tls/www.pem
	expect 0 everleaf renew
	expect 0 everleaf rollback www
	is "$(live_leaf www)" "$(leaf_of tls/www.pem)"
	is 1 "$(live www)"
}

test_a_pair_in_two_files_is_left_whole() {
	www "$(file www.crt fullchain), $(file www.key key), $(file www.der der)"
	expect 0 everleaf renew
	pair new 400
	cp new.crt tls/www.crt
	cp new.key tls/www.key
	cp new.key before
	is_left tls/www.key
	expect 0 everleaf renew
	cmp new.crt tls/www.crt
	is_left tls/www.key
}

test_a_pair_in_pkcs12_is_known() {
	echo word >pass
	chmod 600 pass
	www "$(file www.p12 pkcs12 "password_file = \"$dir/pass\";")"
	expect 0 everleaf renew
	pair new 400
	openssl pkcs12 -export -in new.crt -inkey new.key -passout file:pass -out tls/www.p12
	cp tls/www.p12 before
	is_left tls/www.p12
	expect 0 everleaf renew
	is_left tls/www.p12
}

# None of them could be served in the place of ours.
test_what_is_no_newer_valid_pair_is_repaired() {
	local what
	www "$(file www.pem combined)"
	expect 0 everleaf renew
	cp tls/www.pem good
	pair new 400
	pair other 400
	pair foreign 400 elsewhere.example.org
	aged_pair old 2000 -1
	aged_pair older 2000 80
	for what in other-key other-name no-key garbage expired older; do
		case $what in
		other-key) cat other.key new.crt >tls/www.pem ;;
		other-name) put foreign tls/www.pem ;;
		no-key) cat new.crt >tls/www.pem ;;
		garbage) { echo -----BEGIN CERTIFICATE-----; head -c 3000 /dev/urandom | base64; } >tls/www.pem ;;
		expired) put old tls/www.pem ;;
		older) put older tls/www.pem ;;
		esac
		expect 0 everleaf plan
		says out "write the files again"
		says out "other content"
		expect 0 everleaf renew
		cmp good tls/www.pem
	done
	is_live_of www 1 1
	grep -q "$dir/tls/www.pem: other content" <(everleaf history www)
}

test_a_renewal_that_ends_later_takes_the_place_of_it_and_says_so() {
	www "$(file www.pem combined)"
	expect 0 everleaf renew
	aged_pair new 2 91
	put new tls/www.pem # begins before ours, ends after it
	cp tls/www.pem before
	expect 0 everleaf renew
	is_left tls/www.pem
	www "$(file www.pem combined)" 'key = "ecdsa-p384";' # brings a renewal
	sed -i 's/type = "local";/type = "local"; lifetime = "95d";/' everleaf.conf
	expect 0 everleaf renew
	says err "written over"
	is 2 "$(live www)"
	is "$(live_leaf www)" "$(leaf_of tls/www.pem)"
}

test_a_renewal_that_ends_before_it_leaves_it() {
	www "$(file www.pem combined), $(file www.crt cert)"
	expect 0 everleaf renew
	pair new 4000
	put new tls/www.pem
	cp tls/www.pem before
	www "$(file www.pem combined), $(file www.crt cert)" 'key = "ecdsa-p384";'
	expect 0 everleaf renew
	is 2 "$(live www)"
	is_left tls/www.pem
}

test_what_was_there_before_the_first_issue_gives_way() {
	www "$(file www.pem combined)"
	pair new 4000
	put new tls/www.pem
	expect 0 everleaf renew
	is "$(live_leaf www)" "$(leaf_of tls/www.pem)"
}

# After a crash or a roll-back the files may hold a newer generation of ours.
test_a_newer_generation_of_ours_is_nobody_elses() {
	www "$(file www.pem combined)"
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	ln -sfn ../archive/www/0000000001 state/live/www
	expect 0 everleaf renew
	is "$(live_leaf www)" "$(leaf_of tls/www.pem)"
	is_live_of www 1 2
}

test_a_change_while_a_run_is_on_is_left_too() {
	www "$(file www.pem combined)"
	expect 0 everleaf renew
	pair new 4000
	put new before
	hook tells <<-'H'
	[ "$1 $EVERLEAF_EVENT" != "test installed" ] || cp "$dir/before" "$dir/tls/www.pem"
	H
	echo tampered >>tls/www.pem
	expect 0 everleaf renew
	says err "holds a newer certificate of somebody else"
	is_left tls/www.pem
}

# What is changed before the switch is written anew; what is changed after it is for the
# next run.
test_what_is_changed_by_hand_while_a_run_is_on_is_repaired_or_reported() {
	local mode change
	for mode in repair report; do
		rm -rf state
		www "$(file www.crt cert)" "on_drift = \"$mode\";"
		hook tells <<-'H'
		case "$1 $EVERLEAF_EVENT" in
		"test installed" | "run installed") [ ! -e "$dir/$1.now" ] || { . "$dir/$1.now" && rm "$dir/$1.now"; } ;;
		"run drift") echo "$EVERLEAF_ERROR" >>"$dir/told" ;;
		esac
		H
		for change in "echo tampered >>" "rm" "chmod 600" "chown 61009"; do
			is_root || [ "$change" != "chown 61009" ] || continue
			expect 0 everleaf renew --force www
			echo "$change $dir/tls/www.crt" >test.now
			expect 0 everleaf renew --force www
			is_written
			: >told
			echo "$change $dir/tls/www.crt" >run.now
			expect 0 everleaf renew --force www
			not is_written
			is 0 "$(told)"
			expect 0 everleaf renew
			[ $mode = report ] || is_written
			[ $mode = repair ] || not is_written
			expect 0 everleaf renew # it was said
			is "" "$(cat out err)"
			is 1 "$(told)"
			[ ! -e test.now ] && [ ! -e run.now ]
		done
	done
}

is_written() { # tls/www.crt is what is live, and as it is to be
	[ -e tls/www.crt ] &&
		[ "$(live_leaf www) 644 $(id -u)" = "$(leaf_of tls/www.crt) $(stat -c '%a %u' tls/www.crt)" ] &&
		cmp -s state/live/www/cert.pem tls/www.crt
}

test_each_kind_of_drift_is_repaired_and_named() {
	www "$(file www.crt cert), $(file www.key key 'mode = "0640";')"
	expect 0 everleaf renew
	cp -p tls/www.key good
	for change in "echo tampered >>" "rm" "chmod 666" "chown 61009"; do
		is_root || [ "$change" != "chown 61009" ] || continue
		eval "$change tls/www.key"
		expect 0 everleaf plan
		says out "tls/www.key:"
		case $change in
		echo*) says out "other content" ;;
		rm) says out "missing" ;;
		chmod*) says out "other mode" ;;
		chown*) says out "other owner" ;;
		esac
		expect 0 everleaf renew
		cmp good tls/www.key
		is "$(stat -c '%a %u' good)" "$(stat -c '%a %u' tls/www.key)"
	done
	is_live_of www 1 1
	is "$(events www repaired)" "$(told)"
}

test_each_kind_of_drift_is_reported_once_for_each_change() {
	local n=0
	www "$(file www.crt cert)" 'on_drift = "report";'
	expect 0 everleaf renew
	for change in "echo tampered >>" "chmod 600" "rm"; do
		eval "$change tls/www.crt"
		n=$((n + 1))
		for _ in 1 2; do
			expect 0 everleaf renew
			is "$n $n" "$(told) $(events www drift)"
			expect 1 everleaf status --check
			says out "files differ"
		done
	done
	expect 0 everleaf renew --force www
	is "$(live_leaf www)" "$(leaf_of tls/www.crt)"
	expect 0 everleaf status --check
}

# What was live before the hook failed is live still: there is nothing to install.
test_a_hook_that_is_run_again_writes_nothing_that_is_only_reported() {
	www "$(file www.crt cert)" 'on_drift = "report";'
	hook tells <<-'H'
	[ "$1" = run ] || exit 0
	[ "$EVERLEAF_EVENT" != drift ] || echo "$EVERLEAF_NAMES: $EVERLEAF_ERROR" >>"$dir/told"
	[ "$EVERLEAF_EVENT" != installed ] || [ ! -e "$dir/broken" ]
	H
	touch broken
	expect 1 everleaf renew
	echo tampered >>tls/www.crt
	cp tls/www.crt before
	expect 1 everleaf renew www
	cmp before tls/www.crt
	says err "left as it is, as on_drift says"
	rm broken
	expect 0 everleaf renew www
	cmp before tls/www.crt
	is 1 "$(told)"
	is "files differ" "$(status_of www health)"
	is 1 "$(events www installed)"
	expect 0 everleaf renew --force www
	is_written
}

test_a_live_key_that_was_opened_is_closed_again() {
	local key=state/archive/www/0000000001/privkey.pem
	www "$(file www.pem combined)"
	expect 0 everleaf renew
	cp $key before
	for change in "chmod 644" "chown 61009"; do
		is_root || [ "$change" != "chown 61009" ] || continue
		$change $key
		expect 0 everleaf plan
		says out "live/www/privkey.pem: other"
		expect 0 everleaf renew
		is "600 $(id -u)" "$(stat -c '%a %u' $key)"
		cmp $key before
		expect 0 everleaf renew
		is "" "$(cat out err)"
	done
	is_live_of www 1 1
	www "$(file www.pem combined)" 'on_drift = "report";'
	chmod 644 $key
	expect 0 everleaf renew
	says err "live/www/privkey.pem: other mode"
	is 644 "$(stat -c %a $key)"
	expect 1 everleaf status --check
}

# What is asked for of it has become another thing.
test_a_live_key_is_given_to_whom_the_configuration_says_now() {
	local key=state/archive/www/0000000001/privkey.pem
	www "$(file www.pem combined)"
	expect 0 everleaf renew
	www "$(file www.pem combined)" 'mode = "0640";'
	touch $key
	expect 0 everleaf renew
	is 640 "$(stat -c %a $key)"
	is_live_of www 1 1
}

test_a_pair_that_was_put_into_the_live_set_stands_and_is_said() {
	local gen=state/archive/www/0000000001
	www "$(file www.pem combined)"
	expect 0 everleaf renew
	pair new 400
	cat new.key >$gen/privkey.pem
	cat new.crt >$gen/cert.pem
	cat new.crt >$gen/fullchain.pem
	expect 0 everleaf plan --json
	says out "is not the certificate that was stored there"
	expect 1 everleaf status --check
	expect 0 everleaf renew
	says err "is not the certificate that was stored there"
	is "$(leaf_of new.crt) $(leaf_of new.crt)" "$(live_leaf www) $(leaf_of tls/www.pem)"
	is_live_of www 1 1
	expect 0 everleaf renew
	is "" "$(cat out err)"
	status_of www drift | has "everleaf rollback www"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is "$(leaf_of new.crt)" "$(leaf_of $gen/cert.pem)" # it is kept
	expect 0 everleaf status --check
}

test_a_live_set_without_what_servers_read_is_replaced() {
	local n
	www ""
	expect 0 everleaf renew
	pair other 400
	for n in 1 2 3; do
		case $n in
		1) rm state/live/www/fullchain.pem ;;
		2) : >state/live/www/fullchain.pem ;;
		3) cat other.crt >state/live/www/fullchain.pem ;;
		esac
		expect 2 everleaf status --check
		expect 0 everleaf renew
		is $((n + 1)) "$(status_of www generation)"
		openssl verify -CAfile state/ca/lab/root.pem state/live/www/fullchain.pem
		expect 0 everleaf status --check
	done
	expect 0 everleaf renew
	is 4 "$(status_of www generation)"
}

# There are servers that read cert.pem and chain.pem.
test_a_live_set_whose_chain_is_not_its_own_is_replaced() {
	local n
	www "$(file www.pem combined)"
	sed -i 's/type = "local";/type = "local"; intermediate = true;/' everleaf.conf
	expect 0 everleaf renew
	pair other 400
	for n in 1 2 3 4; do
		case $n in
		1) rm state/live/www/chain.pem ;;
		2) : >state/live/www/chain.pem ;;
		3) cat other.crt >state/live/www/chain.pem ;;
		4) truncate -s 200 state/live/www/chain.pem ;;
		esac
		expect 2 everleaf status --check
		says out "www: damaged"
		expect 0 everleaf status
		tr -d '\n' <out | has "damaged: generation $n of www: chain.pem"
		status_of www damage | has "generation $n of www: chain.pem"
		is damaged "$(status_of www health)"
		expect 0 everleaf renew
		says err "www: damaged: generation $n of www: chain.pem"
		is $((n + 1)) "$(status_of www generation)"
		is null "$(status_of www damage)"
		openssl verify -CAfile state/ca/lab/root.pem -untrusted state/live/www/chain.pem state/live/www/cert.pem
	done
	expect 0 everleaf renew
	is 5 "$(status_of www generation)"
}

test_roots_that_cannot_be_read_stop_their_own_certificate_alone() {
	www "$(file ca.pem ca)"
	sed -i 's/name = "lab"; type = "local"; }/&, { name = "two"; type = "local"; }/; s/certificates = (/& { name = "api"; names = "localhost"; issuer = "two"; hooks = "tells"; },/' everleaf.conf
	expect 0 everleaf renew
	mkdir -p state/roots
	echo garbage >state/roots/lab.pem
	expect 0 everleaf status
	says err "www: its key and files could not be looked at: "
	is ok "$(status_of www health)"
	expect 1 everleaf renew
	is "1 1" "$(live www) $(live api)"
	expect 0 everleaf renew api --force
	is "1 2" "$(live www) $(live api)"
	rm state/roots/lab.pem
	expect 0 everleaf renew
	is "1 2" "$(live www) $(live api)"
}

with_another() { # a second certificate, api, that shares nothing with www but the CA
	sed -i 's/certificates = (/& { name = "api"; names = "localhost"; issuer = "lab"; },/' everleaf.conf
}

# It was put there by somebody who meant it.
test_a_link_of_somebody_else_in_the_place_of_ours_is_left() {
	local to
	www "$(file www.pem combined)"
	with_another
	expect 0 everleaf renew
	cp -r state/archive/www/0000000001 other
	mkdir deep
	cp -r other deep/0000000007
	for to in "$dir/other" ../archive/api/0000000001 "$dir/deep/0000000007" /dev/null \
		"$dir/state/archive/www/0000000001" ../archive/www ../archive/www/1; do
		ln -sfn "$to" state/live/www
		expect 2 everleaf status --check
		says out "CRITICAL - 2 certificates - www: damaged"
		expect 0 everleaf status
		tr -s '\n ' ' ' <out | has "damaged: live/www leads to $to, which is no generation of www"
		expect 0 everleaf plan
		for _ in 1 2; do
			expect 1 everleaf renew www
			says err "live/www leads to $to, which is no generation of www: left as it is"
			says err "\`everleaf renew www --force\` writes over it"
			is "$to" "$(readlink state/live/www)"
			is 1 "$(ls state/archive/www | wc -l)" # nothing is ordered that could not be installed
		done
		expect 1 everleaf renew
		expect 0 everleaf renew --force api
	done
	is 8 "$(live api)"
	expect 0 everleaf renew --force www
	is 2 "$(live www)"
	is_live_of www 2 2
}

test_a_link_of_somebody_else_gives_way_to_a_rollback() {
	www "$(file www.pem combined)"
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	ln -sfn /dev/null state/live/www
	expect 0 everleaf rollback www 1
	is_live_of www 1 2
}

# There is no other name for what it holds.
test_what_is_no_link_in_the_place_of_ours_is_never_written_over() {
	local n
	www "$(file www.pem combined)"
	with_another
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	for n in 1 2 3; do
		rm -rf state/live/www
		case $n in
		1) echo mine >state/live/www ;;
		2) mkdir state/live/www ;;
		3) cp -r state/archive/www/0000000001 state/live/www ;;
		esac
		expect 2 everleaf status --check
		says out "CRITICAL - 2 certificates - www: damaged"
		for what in "renew www" "renew --force www" "rollback www 1"; do
			expect 1 everleaf $what
			says err "live/www is not a link: left as it is; move it away"
		done
		is 2 "$(ls state/archive/www | wc -l)" # nothing is ordered
		[ $n != 1 ] || is mine "$(cat state/live/www)"
		[ $n != 3 ] || cmp state/archive/www/0000000001/privkey.pem state/live/www/privkey.pem
		expect 0 everleaf renew --force api
	done
	mv state/live/www away
	expect 0 everleaf renew www
	is 4 "$(live api)"
}

# A daemon goes on with all others, and with this one once it is out of the way.
test_an_agent_does_what_is_left_to_do_while_a_link_leads_elsewhere() {
	www "$(file www.pem combined)"
	with_another
	expect 0 everleaf renew
	ln -sfn ../archive/api/0000000001 state/live/www
	start_agent
	until_true 60 said "www: failed: live/www leads to"
	expect 0 everleaf renew --force api
	is 2 "$(live api)"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	stop_agent
}

run_tests "$@"
