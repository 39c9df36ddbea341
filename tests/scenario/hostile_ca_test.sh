#!/bin/bash
# hostile_ca: servers that mean harm, or are broken: each row of a table of tests/liars in a
# way of its own, all of a protocol in one run. The run ends in time; what is live stays the
# same files; nothing is executed or written elsewhere; no process grows; nobody is asked
# again before the back-off is over; and of each the reason is said, word for word as its row
# has it.
#
# A sample, of those that answer; LIARS=all takes every row, ROWS="NAME..." those. With
# WRITE_LIARS=1 what was said is written into the tables, to be read there.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_cmp.sh"

PEAK_KIB=65536
PATIENCE_S=700 # for a run: a server that is silent takes 30 s of it, one of CRLs 300
ASKED_MAX=120  # requests for one certificate in a run: 50 refused nonces, and what they were for

# -- the table --

# $table is the family's, or the sample of it.
choose() { # FAMILY
	mkdir -p ca rows srv www
	table=$dir/rows/$1
	ROWS=${ROWS-} python3 - "$root/tests/liars/$1" "${LIARS-sample}" >"$table" <<-'P'
	import os, sys
	rows, only = [], os.environ["ROWS"].split()
	for line in open(sys.argv[1], encoding="utf-8"):
	    if line.strip() and line[0] != "#":
	        if not line[0].isspace():
	            rows.append([])
	        rows[-1].append(line)
	slow = lambda row: any(word in "".join(row) for word in (" hang\n", " drip\n", "+ timeout = "))
	if only:
	    rows = [r for r in rows if r[0].strip() in only]
	elif sys.argv[2] != "all":
	    rows = [r for i, r in enumerate(rows) if i % 8 == 0 and not slow(r)]
	print("".join("".join(r) for r in rows), end="")
	P
	[ -s "$table" ] || skip "no row of it is asked for"
}

start_liars() { # FAMILY [PORT of cmp_ca]
	says_anew ca/ports
	mkfifo liars.stdin
	"$root/tests/tools/hostile_ca" "$dir/ca" "$table" "${@:2}" <liars.stdin 2>ca/err &
	started $!
	exec 7>liars.stdin
	until_true 60 test -s ca/ports
}

# A line for each row: its name, port, and what is set of it besides.
rows() {
	awk 'FILENAME != ARGV[2] { port[$1] = $2; next }
		function row() { if (name != "") print name, port[name], more }
		/^[^ \t]/ { row(); name = $1; more = "" }
		/^[ \t]+\+/ { sub(/^[ \t]+\+ */, ""); more = more " " $0 }
		END { row() }' "${1-ca/ports}" "$table"
}

each() { # TEMPLATE: a list of libconfig, by rows; NAME, PORT and MORE in it
	local name port more text comma=
	while read -r name port more; do
		text=${1//NAME/$name}
		text=${text//PORT/$port}
		printf '%s%s\n' "$comma" "${text//MORE/$more}"
		comma=,
	done < <(rows)
}

# Issuers as the template says, and a certificate of each.
configure() { # ISSUER [DEFAULTS]
	config <<-C
	contact = "mailto:ops@example.org"; agree_terms = true;
	issuers = ( $(each "{ name = \"NAME\"; $1 MORE }") );
	defaults = { ${2-} };
	certificates = ( $(each '{ name = "NAME"; names = "NAME.example.org"; issuer = "NAME"; }') );
	C
}

# -- what must not happen --

files_of() {
	find state/live state/archive state/crl srv -name .pending -prune -o -type f -printf '%p %i %s %T@\n' \
		-o -type l -printf '%p %l\n' 2>/dev/null | sort || :
}

# Of those that are not said to have got something.
untouched() { # LIST
	awk 'FILENAME == ARGV[1] { if (/: taken$/) { sub(/: taken$/, ""); taken[$0] } next }
		{ for (name in taken) if ($0 ~ "/" name "[/. @]") next; print }' words "$1"
}

written_elsewhere() {
	find . -newer marker -type f -not -path './state/*' -not -path './ca/*' -not -path './run/*' \
		-not -path './srv/*' -not -regex './www/.well-known/acme-challenge/[A-Za-z0-9_-]*' -not -path './pids' \
		-not -name out -not -name err -not -name rss -not -name log -not -name why -not -name trace \
		-not -name said -not -name words -not -name asked -not -name last.pem -not -name confirmed -not -name issued -not -name 'cmp_ca.*'
}

executed() { # what is not everleaf's, nor the program that gets certificates
	grep -o 'exec[a-z]*(.*' trace | grep -vE '"([^"]*/)?everleaf(-[a-z]+)?"|"'"$dir"'/program"|resumed' || :
}

# What was taken is new, fits its key, and leads to the last of its chain.
is_whole() { # NAME
	local live=$dir/state/live/$1
	is "$1 2" "$1 $(live "$1")"
	is "$(openssl x509 -in "$live/cert.pem" -noout -pubkey)" "$(openssl pkey -in "$live/privkey.pem" -pubout)"
	sed -n '/BEGIN/h; /BEGIN/!H; ${ x; p; }' "$live/fullchain.pem" >last.pem
	openssl verify -partial_chain -trusted last.pem -untrusted "$live/fullchain.pem" "$live/cert.pem"
}

are_whole() {
	local name
	for name in $(sed -n 's/: taken$//p' words); do
		is_whole "$name"
	done
}

# As often as the row says.
asked_too_often() {
	awk 'FILENAME == ARGV[1] { n[$1 " " $2]++; next }
		/^[^ \t]/ { name = $1 }
		$1 == "?" && n[name " " $2] + 0 != $3 { print name, $2, n[name " " $2] + 0 }' ca/log "$table"
}

nothing_happened() {
	"$root/tests/tools/golden" /dev/null said "$dir" >words
	is "" "$(written_elsewhere)"
	files_of >after
	diff <(untouched before) <(untouched after) || fail "what is live has changed"
	[[ $BUILD = */san ]] || [ "$(cat rss)" -lt $PEAK_KIB ] || fail "a process had $(cat rss) KiB"
	is "" "$(executed)"
	not grep ' elsewhere ' ca/log
	not grep '^[^ ]* fault' ca/log
	is "" "$(asked_too_often)"
	not grep -rqF "$(sed -n 2p ca/stranger.key)" state
	has_no $'[\001-\010\013-\037]' <err
	[ "$(wc -L <err)" -lt 3000 ] || fail "a line of $(wc -L <err) letters"
	is "" "$(awk '{ n[$1]++ } END { for (r in n) if (n[r] > '$ASKED_MAX') print r, n[r] }' ca/log)"
}

# From now on they do what their rows say.
turn_hostile() {
	files_of >before
	: >ca/log
	touch ca/hostile marker
}

run_liars() { # ARGUMENT of everleaf...
	local status=0
	turn_hostile
	began=$SECONDS
	timeout $PATIENCE_S "$root/tests/tools/peak" rss strace -f -qq --seccomp-bpf -e trace=execve,execveat \
		-e signal=none -o trace "$BUILD/everleaf" -c everleaf.conf "$@" >out 2>err </dev/null || status=$?
	[ $status -lt 3 ] || fail "the run ended with $status"
}

# Who said that it failed is not asked at once again: for a minute, which is over where others
# were silent.
is_left_alone() { # ARGUMENT of everleaf...
	local asked
	[ $((SECONDS - began)) -lt 40 ] || return 0
	asked=$(wc -l <ca/log)
	everleaf "$@" >out 2>err </dev/null || :
	is "$asked" "$(wc -l <ca/log)"
}

is_as_written() { # FAMILY
	"$root/tests/tools/golden" "$root/tests/liars/$1" said "$dir" ${WRITE_LIARS:+write} || fail "it says something else"
}

# Each has a certificate; then another kind of key is asked for, of servers that are hostile.
certificates() { # FAMILY ISSUER [DEFAULTS]
	configure "$2" "${3-}"
	expect 0 everleaf renew
	configure "$2" "${3-} key = \"ecdsa-p384\";"
	run_liars renew
	everleaf status --json >said || :
	nothing_happened
	are_whole
	is_as_written "$1"
	is_left_alone renew
}

test_acme() {
	choose acme
	start_liars acme
	certificates acme "type = \"acme\"; url = \"https://localhost:PORT/directory\"; trust = \"$dir/ca/root.pem\";" \
		"challenge = { type = \"http-01\"; webroot = \"$dir/www\"; };"
}

test_est() {
	choose est
	start_liars est
	(umask 077 && echo estpwd >password)
	certificates est "type = \"est\"; url = \"https://localhost:PORT\"; trust = \"$dir/ca/root.pem\";
		user = \"estuser\"; password_file = \"$dir/password\";"
}

test_step() {
	choose step
	start_liars step
	openssl ecparam -name prime256v1 -genkey -noout >admin.key
	chmod 600 admin.key
	certificates step "type = \"step\"; url = \"https://localhost:PORT\"; trust = \"$dir/ca/root.pem\";
		provisioner = \"admin\"; key_file = \"$dir/admin.key\";"
}

test_cfssl() {
	choose cfssl
	start_liars cfssl
	certificates cfssl "type = \"cfssl\"; url = \"https://localhost:PORT\"; trust = \"$dir/ca/root.pem\";"
}

# A program instead of a server: it asks a server what to do.
test_exec() {
	choose exec
	start_liars exec
	cp "$root/tests/tools/hostile_program" program
	certificates exec "type = \"exec\"; program = [ \"$dir/program\", \"PORT\" ]; trust = \"$dir/ca/root.pem\";"
}

test_cmp() {
	choose cmp
	cmp_folder
	run_cmp_ca
	start_liars cmp "$port"
	ln -f srv.key ca/srv.key
	certificates cmp "type = \"cmp\"; url = \"http://localhost:PORT/cmp\"; trust = \"$dir/ca.pem\"; $(by_secret)"
}

test_crl() {
	local lists
	choose crl
	start_liars crl
	lists="{ name = \"NAME\"; url = \"http://localhost:PORT/NAME.crl\"; ca = \"$dir/ca/root.pem\";
		allow_local = true; MORE files = ( { path = \"$dir/srv/NAME.pem\"; } ); }"
	config <<<"issuers = (); certificates = (); crls = ( $(each "$lists") );"
	expect 0 everleaf crl --update
	run_liars crl --update
	everleaf crl --json >said || :
	nothing_happened
	is_as_written crl
	is_left_alone renew
}

run_tests "$@"
