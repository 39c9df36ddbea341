#!/bin/bash
# stranger: certificates that are not ours, in files that `watch` names: listed, told of as
# they approach their end, looked at again when they change.
. "$(dirname "$0")/../lib.sh"

# A certificate of somebody else, 60 days old, that ends in so many.
stranger() { # FILE DAYS [NAME]
	local ca
	ca=$(mktemp -d "$dir/ca.XXXXXX")
	: >"$ca/index"
	cat >"$ca/conf" <<-C
	[ ca ]
	default_ca = all
	[ all ]
	database = $ca/index
	new_certs_dir = $ca
	rand_serial = yes
	default_md = sha256
	policy = any
	[ any ]
	commonName = supplied
	C
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=${3-other}" \
		-keyout "$ca/key" -out "$ca/csr" 2>/dev/null
	openssl ca -batch -notext -config "$ca/conf" -selfsign -keyfile "$ca/key" -in "$ca/csr" -out "$ca/crt" \
		-startdate "$(date -u -d '-60 days' +%Y%m%d%H%M%SZ)" \
		-enddate "$(date -u -d "$2 days" +%Y%m%d%H%M%SZ)" 2>"$ca/err" || fail "$(cat "$ca/err")"
	mv "$ca/crt" "$1" # in one step
}

# Watched are tls/*.pem; ops is told of what comes near its end.
watching() { # [MORE]
	mkdir -p tls
	hook ops <<-'H'
	[ "$1" = test ] || echo "$EVERLEAF_EVENT $EVERLEAF_COUNT ${EVERLEAF_CERT-}: ${EVERLEAF_ERROR-}" >>"$dir/told"
	cat >"$dir/document"
	H
	config <<-C
	log = { level = "debug"; };
	http = "unix:$dir/run/http.sock";
	watch = [ "$dir/tls/*.pem" ];
	hooks = ( { name = "ops"; run = [ "$dir/ops", "run" ]; on = "expiring"; } );
	${1-}
	C
}

told() { # [WORDS]: how often the hook was, of that
	cat told 2>/dev/null | grep -c -- "${1-}" || :
}

is_told() { # TIMES [WORDS]
	[ "$(told "${2-}")" = "$1" ]
}

page() { # PATH
	curl -sS -m 20 --unix-socket run/http.sock "http://localhost$1"
}

# What the agent that runs has of the watched file of that number.
watched() { # NUMBER KEY
	page /status.json | json "watched.$1.$2"
}

has_health() { # NUMBER WORDS
	[ "$(watched "$1" health)" = "$2" ]
}

has_none() {
	[ "$(page /status.json | json watched)" = "[]" ]
}

has_looked() { # TIMES
	said "certificates of others are in" "$1"
}

metric() { # FILE: when it ends
	page /metrics | sed -n "s|^everleaf_watched_not_after_seconds{path=\"$dir/$1\",.*} ||p"
}

ends() { # FILE
	date -d "$(openssl x509 -in "$1" -noout -enddate | sed 's/.*=//')" +%s
}

test_one_that_appears_nears_its_end_is_replaced_and_goes() {
	watching
	start_agent
	until_true 60 has_none
	until_true 60 has_looked 1
	stranger tls/a.pem 60
	until_true 60 has_health 0 ok
	is "$dir/tls/a.pem CN=other" "$(watched 0 path) $(watched 0 name)"
	is "$(ends tls/a.pem)" "$(metric tls/a.pem)"
	is 0 "$(told)"
	stranger tls/a.pem 5
	until_true 60 is_told 1 "^expiring 1 $dir/tls/a.pem: CN=other ends in [45]d.*, and is not ours to renew"
	until_true 60 has_health 0 "expires soon"
	is "$dir/tls/a.pem" "$(json watched.0.path <document)"
	stranger tls/a.pem 60
	kill -USR1 $run # it looks at everything now
	until_true 60 has_health 0 ok
	rm tls/a.pem
	until_true 60 has_none
	is "1 1" "$(told) $(events "$dir/tls/a.pem" expiring)"
	stop_agent
}

test_status_lists_them_apart_from_ours() {
	mkdir -p tls
	watching "certificates = ( { name = \"www\"; names = \"localhost\"; issuer = \"local\";
		files = ( { path = \"$dir/tls/ours.pem\"; content = \"combined\"; } ); } );"
	expect 0 everleaf renew
	stranger tls/good.pem 60
	stranger tls/old.pem -1
	cat tls/good.pem tls/old.pem >tls/both.pem
	openssl genpkey -algorithm ed25519 >tls/key.pem
	ln -s "$dir/state/live/www/cert.pem" tls/live.pem
	ln -s good.pem tls/again.pem
	ln -s loop.pem tls/loop.pem
	mkfifo tls/fifo.pem
	expect 0 everleaf status
	sed -n "/^WATCHED/,\$ { s|$dir/tls/||; s/  */ /g; s/ ok [0-9dh ]* / ok /; p }" out >list
	has "^again.pem ok CN=other$" <list
	has "^both.pem expired ended CN=other (2 of 2)$" <list
	has "^fifo.pem unreadable - -$" <list
	has "^old.pem expired ended CN=other$" <list
	has_no "key.pem\|live.pem\|ours.pem\|good.pem" <list
	expect 0 everleaf status --json
	is 1 "$(json certificates <out | grep -c fingerprint)"
	is "expired null 2 2" "$(json watched.1.health <out) $(json watched.1.error <out) $(json watched.1.place <out) $(json watched.1.certificates <out)"
	expect 0 everleaf status --json www
	is "[]" "$(json watched <out)"
	expect 2 everleaf status --check
	has "^CRITICAL - 5 certificates - $dir/tls/both.pem: expired, $dir/tls/old.pem: expired, $dir/tls/fifo.pem: unreadable$" <out
	expect 0 everleaf status --check www
	rm tls/both.pem tls/fifo.pem tls/old.pem
	expect 0 everleaf status --check
	expect 1 everleaf status --check --warn 70d
}

test_a_link_that_leads_out_of_the_watched_folders_says_so() {
	watching
	mkdir away
	stranger away/a.pem 60
	ln -s ../away/a.pem tls/a.pem
	expect 0 everleaf status
	! grep -q "no landlock" out || skip "this kernel has no Landlock"
	tr -d '\n' <out | has "/tls/a.pem  *unreadable  .*it leads to *$dir/away/a.pem:"
	sed -i "s|^watch.*|watch = [ \"$dir/tls/*.pem\", \"$dir/away/none\" ];|" everleaf.conf
	expect 0 everleaf status
	has "/tls/a.pem  *ok " <out
}

test_runs_tell_it_once_a_day() {
	watching
	stranger tls/a.pem 10
	stranger tls/b.pem -1
	expect 0 everleaf renew
	expect 0 everleaf renew
	is "1 1" "$(told) $(told '^expiring 2 : $')"
	is "$dir/tls/a.pem $dir/tls/b.pem" "$(json watched.0.path <document) $(json watched.1.path <document)"
	rm tls/b.pem
	stranger tls/a.pem 4 # nearer
	expect 0 everleaf renew
	is "2 1" "$(told) $(told "^expiring 1 $dir/tls/a.pem: CN=other ends in [34]d")"
	stranger tls/a.pem 60
	expect 0 everleaf renew
	is 2 "$(told)"
	stranger tls/a.pem 4 # another one
	expect 0 everleaf renew
	is 3 "$(told)"
}

test_a_folder_that_comes_later_is_watched() {
	watching
	sed -i "s|tls/\*|later/*/*|" everleaf.conf
	start_agent
	until_true 60 has_looked 1
	mkdir -p made/www
	stranger made/www/a.pem 60
	mv made later
	until_true 60 has_health 0 ok
	stop_agent
}

test_a_new_configuration_takes_them_up_and_drops_them() {
	watching
	mkdir other
	stranger tls/a.pem 60
	stranger other/b.pem 60
	start_agent
	until_true 60 has_health 0 ok
	sed -i "s|tls/\*|other/*|" everleaf.conf
	kill -HUP $run
	is_other() { [ "$(watched 0 path)" = "$dir/other/b.pem" ]; }
	until_true 60 is_other
	sed -i "/^watch/d" everleaf.conf
	kill -HUP $run
	until_true 60 has_none
	stop_agent
}

run_tests "$@"
