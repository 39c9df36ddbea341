#!/bin/bash
# upgrade: what each earlier version has left, its state and its store, is gone on with: nothing
# is ordered again, what it owed is done. Of each format there is one that it made itself
# (tests/agent/formats); what becomes of the rows alone is in agent/state_upgrade_test, and of a
# newer format in scenario/state_test. UPGRADE=all takes each format, else it is three of them.
. "$(dirname "$0")/../lib.sh"

formats=$root/tests/agent/formats

# The store of FORMAT in $dir: www is live; mail, too, but its hook is owed.
left_by() { # FORMAT
	local mode path to
	rm -rf state srv run hooked
	while IFS= read -r line; do
		if [ "${line:0:2}" = "@ " ]; then
			read -r _ mode path to <<<"$line"
			case $mode in
			dir) mkdir -p "$path" ;;
			link) mkdir -p "${path%/*}" && ln -s "$to" "$path" ;;
			*) mkdir -p "${path%/*}" && : >"$path" && chmod "$mode" "$path" ;;
			esac
		else
			printf '%s\n' "$line" >>"$path"
		fi
	done <"$formats/$1.store"
	openssl crl -in state/ca/lab/crl.pem -outform DER -out state/ca/lab/crl.der
	mkdir -p state/agent state/live
	python3 - "$formats/$1.sql" state/agent/state.db <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[2])
	db.executescript("PRAGMA journal_mode = WAL;" + open(sys.argv[1]).read())
	P
	! is_root || chown -R 61001 state/agent
	hook hook <<-'H'
	echo "$EVERLEAF_NAMES" >>"$dir/hooked"
	H
	settings
}

settings() {
	config <<-C
	issuers = ( { name = "lab"; type = "local"; ca_lifetime = "36500d"; lifetime = "36000d"; } );
	hooks = ( { name = "reload"; run = [ "$dir/hook" ]; } );
	certificates = (
	  { name = "www"; names = [ "www.example", "new.example" ]; issuer = "lab";
	    files = ( { path = "$dir/srv/www.pem"; content = "combined"; } ); },
	  { name = "mail"; names = "mail.example"; issuer = "lab"; hooks = "reload"; } );
	C
}

rows() { # STATEMENT
	python3 - state/agent/state.db "$1" <<-'P'
	import sqlite3, sys
	print(*sqlite3.connect(sys.argv[1], timeout=60).execute(sys.argv[2]).fetchone())
	P
}

# Without a state nobody knows what was issued.
is_as_it_was() { # NAME
	is 1 "$(live "$1")"
	[ ! -e "state/archive/$1/0000000002" ]
}

version() {
	rows "PRAGMA user_version"
}

# It is shown as it is, then gone on with.
is_gone_on_with() { # FORMAT
	left_by "$1"
	local key=$(cat state/archive/mail/0000000001/privkey.pem) sum=$(sha256sum <state/agent/state.db)
	local events=$(rows "SELECT count(*) FROM event")
	expect 0 everleaf status
	says out mail
	is "$sum" "$(sha256sum <state/agent/state.db)"
	expect 0 everleaf renew
	is_live_of www 1 1
	is_live_of mail 1 1
	is "$key" "$(cat state/live/mail/privkey.pem)"
	is mail "$(cat hooked)"
	[ "$(version)" -ge 9 ] && [ "$(rows "SELECT count(*) FROM event")" -gt "$events" ]
	openssl x509 -in state/live/www/cert.pem -noout -pubkey | cmp - <(openssl pkey -in srv/www.pem -pubout)
}

test_what_each_format_has_left_is_gone_on_with() {
	local format
	for format in $([ "${UPGRADE-}" = all ] && seq "$(ls "$formats"/*.sql | wc -l)" || echo 1 4 8); do
		echo "format $format"
		is_gone_on_with "$format"
	done
}

# Without its state a store of the first version is known by what lies in it.
test_a_store_of_the_first_version_without_a_state_is_taken_as_it_is() {
	left_by 1
	rm -r state/agent
	expect 0 everleaf renew
	is_as_it_was www
	is_as_it_was mail
	[ -s state/id ] # which came later
}

# What is written beside a generation may lack what a later version reads there.
test_a_generation_without_what_is_told_beside_it_is_left_alone() {
	left_by 9
	echo '{"version":1,"name":"www"}' >state/archive/www/0000000001/meta.json
	rm state/archive/mail/0000000001/meta.json
	rm -rf state/roots state/crl state/accounts state/id state/agent
	expect 0 everleaf plan
	expect 0 everleaf renew
	is_as_it_was www
	is_as_it_was mail
	cmp state/archive/www/0000000001/meta.json <(echo '{"version":1,"name":"www"}')
}

run_tests "$@"
