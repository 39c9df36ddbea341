#!/bin/bash
# dialect: one program, called by the ACME client it was written for, and by everleaf: the
# same arguments, the same environment, as often and in the same order; and the CA finds
# what it shows.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

names='"example.org", "*.example.org"'

# A program that writes down how it is called and shows what it is told, by what is said
# in shell of `step` (add or clear), `name` and `value`.
program() { # NAME, with that on stdin
	{
		cat <<-S
		#!/bin/sh
		PATH=\$PATH:/usr/bin
		txt() {
			curl -sf -d "{\"host\": \"_acme-challenge.\$2.\", \"value\": \"\$3\"}" \\
				"http://127.0.0.1:$names_port/\$1-txt"
		}
		web() {
			mkdir -p "$dir/$www/.well-known/acme-challenge"
			printf %s "\$2" >"$dir/$www/.well-known/acme-challenge/\$1"
		}
		{ for word; do printf '%s|' "\$word"; done; echo
		  env | grep -E '^(CERTBOT|UACME|EVERLEAF)_|^(CHALLENGETYPE|COMMAND|WELLKNOWN)=' |
			grep -vE '^EVERLEAF_RUN=|_CONFDIR=' | sort
		} >>"$dir/calls"
		S
		cat
	} >"$dir/$1"
	chmod 755 "$dir/$1"
}

# What was written down, whatever tokens and digests there were; and then no more.
calls() {
	sed -E 's/[A-Za-z0-9_-]{43}/SECRET/g' "$dir/calls"
	rm "$dir/calls"
}

by_program() { # TYPE DIALECT [SETTINGS]
	echo "{ type = \"$1\"; hook = \"$dir/hook\"; dialect = \"$2\"; ${3-} }"
}

issue() { # NAMES
	acme "names = [ $1 ];"
	expect 0 everleaf renew
	is_whole www root.pem
}

# everleaf has called as `original` says.
same_calls() {
	calls >ours
	diff original ours
}

client() { # NAME of a program and its package [own: a Pebble of its time]
	command -v "$1" >/dev/null || skip "$1 is not installed"
	start_pebble "${2-new}"
}

# -- certbot --

certbot_hooks() {
	program hook <<-'S'
	case ${CERTBOT_TOKEN-} in
	'') txt set "$CERTBOT_DOMAIN" "$CERTBOT_VALIDATION" ;;
	*) web "$CERTBOT_TOKEN" "$CERTBOT_VALIDATION" ;;
	esac
	echo
	echo "made for $CERTBOT_DOMAIN"
	echo "other" >&2
	exit 3
	S
	program cleanup <<-'S'
	[ -n "${CERTBOT_TOKEN-}" ] || txt clear "$CERTBOT_DOMAIN"
	S
}

run_certbot() { # http|dns NAME...
	local type=$1 n
	shift
	for n; do set -- "$@" -d "$n"; shift; done
	REQUESTS_CA_BUNDLE=$trust certbot certonly -n --manual --agree-tos --no-eff-email \
		-m ops@example.org --server "$url" --preferred-challenges "$type" \
		--manual-auth-hook "$dir/hook" --manual-cleanup-hook "$dir/cleanup" \
		--config-dir "$dir/certbot" --work-dir "$dir/certbot" --logs-dir "$dir/certbot" \
		"$@" >certbot.out 2>&1
}

# ... which in newer releases are told so, too; Debian 12 has an older one.
without_identifiers() {
	sed -i '/^CERTBOT_\(ALL_\)\?IDENTIFIERS\?=/d' "$dir/calls"
}

test_certbots_dns_hooks_are_called_as_by_certbot() {
	client certbot
	certbot_hooks
	run_certbot dns example.org '*.example.org'
	without_identifiers
	calls >original
	way=$(by_program dns-01 certbot "cleanup = \"$dir/cleanup\";")
	issue "$names"
	without_identifiers
	grep -q '^CERTBOT_AUTH_OUTPUT=made for example.org$' calls
	same_calls
}

test_certbots_http_hooks_are_called_as_by_certbot() {
	start_web
	client certbot
	certbot_hooks
	run_certbot http example.org
	without_identifiers
	calls >original
	way=$(by_program http-01 certbot "cleanup = \"$dir/cleanup\";")
	issue '"example.org"'
	without_identifiers
	same_calls
}

# -- uacme --

uacme_hook() { # TYPE that it does not decline
	program hook <<-S
	[ "\$2" = $1 ] || exit 1
	case \$1 in
	begin) txt set "\$3" "\$5" ;;
	*) txt clear "\$3" ;;
	esac
	S
}

# It trusts whom the system trusts.
run_uacme() { # NAME...
	cat /etc/ssl/certs/ca-certificates.crt "$trust" >trusted.pem
	unshare --mount sh -c 'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"' \
		trusted.pem sh -c 'uacme -y -a "$0" -c uacme.d new && exec uacme -a "$0" -c uacme.d \
			-h "$1" issue example.org "*.example.org"' "$url" "$dir/hook" >uacme.out 2>&1
}

test_a_hook_of_uacme_is_called_as_by_uacme() {
	is_root || skip "needs root, for uacme to trust the CA"
	client uacme own # it does not know a challenge without a token
	uacme_hook dns-01
	run_uacme
	one_by_one "^(begin|done)[|]dns-01" >original
	way="( $(by_program http-01 uacme), $(by_program dns-01 uacme) )"
	issue "$names"
	is 1 "$(grep -c '^begin|http-01|example.org' "$dir/calls")"
	one_by_one "^(begin|done)[|]dns-01" >ours
	diff original ours
}

# uacme goes from name to name, in whatever order challenges are offered: the calls that
# count. (The environment of the one in Debian has nothing.)
one_by_one() { # PATTERN
	calls | grep -E "$1" | sort
}

test_what_every_program_declines_is_not_shown() {
	start_pebble new
	uacme_hook tls-alpn-01
	way="( $(by_program http-01 uacme), $(by_program dns-01 uacme) )"
	acme
	expect 1 everleaf renew
	says err "www.example.org: the CA offers"
	is "begin|http-01|www.example.org|SECRET|SECRET.SECRET|
begin|dns-01|www.example.org|SECRET|SECRET|" "$(calls | grep '|')"
}

test_a_hook_of_uacme_is_told_when_the_ca_did_not_see_it() {
	start_pebble new
	program hook </dev/null
	way=$(by_program dns-01 uacme)
	acme
	expect 1 everleaf renew
	is "begin|dns-01|www.example.org|SECRET|SECRET|
failed|dns-01|www.example.org|SECRET|SECRET|" "$(calls | grep '|')"
}

# -- dehydrated --

dehydrated_hook() {
	program hook <<-'S'
	step=$1
	case $step in
	deploy_challenge) how=set ;;
	clean_challenge) how=clear ;;
	esac
	shift
	while [ -n "${how-}" ] && [ $# -gt 0 ]; do
		[ "$CHALLENGETYPE" = http-01 ] || txt $how "$1" "$3"
		shift 3
	done
	S
}

run_dehydrated() { # TYPE CHAIN NAME...
	local type=$1 chain=$2 n
	shift 2
	mkdir -p dehydrated.d "$dir/$www/.well-known/acme-challenge"
	cat >dehydrated.d/config <<-C
	CA=$url
	BASEDIR=$dir/dehydrated.d
	CURL_OPTS="--cacert $trust"
	CHALLENGETYPE=$type
	HOOK=$dir/hook
	HOOK_CHAIN=$chain
	WELLKNOWN=$dir/$www/.well-known/acme-challenge
	C
	for n; do set -- "$@" -d "$n"; shift; done
	dehydrated -f dehydrated.d/config --register --accept-terms >dehydrated.out 2>&1
	dehydrated -f dehydrated.d/config --cron --alias www "$@" >>dehydrated.out 2>&1
}

# What dehydrated calls besides is for others to do.
challenges_only() {
	awk '/^[a-z_]*\|/ { on = /^(deploy|clean)_challenge\|/ } on' "$dir/calls" >some
	mv some "$dir/calls"
}

by_dehydrated() { # CHAIN DIALECT
	client dehydrated
	dehydrated_hook
	run_dehydrated dns-01 "$1" example.org '*.example.org'
	challenges_only
	sed -i '/^WELLKNOWN=/d' "$dir/calls"
	calls >original
	way=$(by_program dns-01 "$2")
	issue "$names"
	same_calls
}

test_a_hook_of_dehydrated_is_called_as_by_dehydrated() {
	by_dehydrated no dehydrated
	is 4 "$(grep -c _challenge ours)"
}

test_all_of_a_chain_come_with_one_call() {
	by_dehydrated yes dehydrated-chain
	is 2 "$(grep -c _challenge ours)"
}

test_the_file_is_there_before_a_hook_of_dehydrated() {
	start_web
	client dehydrated
	dehydrated_hook
	cat >>"$dir/hook" <<-S
	[ "\$step" = deploy_challenge ] || exit 0
	cat "$dir/$www"/.well-known/acme-challenge/* >>"$dir/calls"
	echo >>"$dir/calls"
	S
	run_dehydrated http-01 no example.org
	challenges_only
	calls >original
	way=$(by_program http-01 dehydrated "webroot = \"$dir/$www\";")
	issue '"example.org"'
	same_calls
	is "" "$(find "$dir/$www" -type f)"
}

# -- lego --

run_lego() { # MODE NAME...
	local mode=$1 n
	shift
	for n; do set -- "$@" -d "$n"; shift; done
	EXEC_PATH=$dir/hook EXEC_MODE=$mode EXEC_SEQUENCE_INTERVAL=1 LEGO_CA_CERTIFICATES=$trust \
		lego --server "$url" --accept-tos --email ops@example.org --path "$dir/lego.d" \
		--dns exec --dns.disable-cp --dns.resolvers "127.0.0.1:$dns_port" \
		"$@" run >lego.out 2>&1
}

# lego goes from name to name, we show all before the CA is asked.
by_lego() { # MODE DIALECT, the program on stdin
	client lego
	program hook
	run_lego "$1" example.org '*.example.org'
	calls | sort >original
	way=$(by_program dns-01 "$2")
	issue "$names"
	sort -o "$dir/calls" "$dir/calls"
	same_calls
}

test_a_program_of_lego_is_called_as_by_lego() {
	by_lego "" lego <<-'S'
	name=${2#_acme-challenge.}
	case $1 in
	present) txt set "${name%.}" "$3" ;;
	cleanup) txt clear "${name%.}" ;;
	esac
	S
}

test_a_raw_one_of_lego_is_called_as_by_lego() {
	by_lego RAW lego-raw <<-'S'
	value=$(printf %s "$5" | openssl dgst -sha256 -binary | base64 | tr +/ -_ | tr -d =)
	case $1 in
	present) txt set "$3" "$value" ;;
	cleanup) txt clear "$3" ;;
	esac
	S
}

# -- acme.sh --

# Its home, with a file of dnsapi that writes down how it is called and what acme.sh tells
# it of its settings, which it saves when it is called first.
acme_sh_home() {
	program txt.sh </dev/null
	mkdir -p "$dir/home/dnsapi"
	cp "$(readlink -f "$root/build/peers/bin/acme.sh")" "$dir/home/acme.sh"
	echo "SAVED_XX_Token='secret'" >"$dir/home/account.conf"
	{
		sed -n '/^txt()/,/^}/p' "$dir/txt.sh"
		cat <<-S
		write_down() {
			for word; do printf '%s|' "\$word"; done
			echo "\$# \$(_readaccountconf_mutable XX_Token) \$(_readdomainconf XX_Zone)"
			for word in LE_WORKING_DIR LE_CONFIG_HOME ACCOUNT_CONF_PATH DOMAIN_CONF HTTP_HEADER USER_AGENT; do
				eval "echo \$word=\\\$\$word"
			done
			env | grep -vE '^(ACME|ACCOUNT|CA|CERT|Le)_|^(OLDPWD|PWD|SHLVL|PATH|_|HOME|LANG|EVERLEAF_RUN)=' | sort
			printf 'it %s\n' works | _egrep_o 'w.*'
		}
		dns_xx_add() {
			write_down add "\$@" >>"$dir/calls"
			_info "Adding"
			_savedomainconf XX_Zone "zone of \$1"
			txt set "\${1#_acme-challenge.}" "\$2"
		}
		dns_xx_rm() {
			write_down rm "\$@" >>"$dir/calls"
			txt clear "\${1#_acme-challenge.}"
		}
		S
	} >"$dir/home/dnsapi/dns_xx.sh"
}

run_acme_sh() { # NAME...
	local n
	for n; do set -- "$@" -d "$n"; shift; done
	env -i PATH="$PATH" HOME=/ LANG=C "$dir/home/acme.sh" --home "$dir/home" \
		--server "$url" --ca-bundle "$trust" --email ops@example.org --issue --dns dns_xx \
		--dnssleep 1 "$@" >acme.out 2>&1
}

test_a_file_of_acme_sh_is_called_as_by_acme_sh() {
	"$root/tests/peers" acme.sh >/dev/null 2>peers.err || skip "$(tail -n 1 peers.err)"
	start_pebble new
	acme_sh_home
	run_acme_sh example.org '*.example.org'
	calls >original
	is 4 "$(grep -c '|3 secret' original)"
	sed -i '/XX_Zone/d' "$dir/home/example.org_ecc/example.org.conf"
	way="{ type = \"dns-01\"; hook = \"$dir/home/dnsapi/dns_xx.sh\"; dialect = \"acme.sh\"; }"
	issue "$names"
	same_calls
}

# -- our own --

own_hook() {
	program hook <<-'S'
	case $1 in
	present) txt set "$EVERLEAF_IDENTIFIER" "$EVERLEAF_VALUE" ;;
	withdraw) txt clear "$EVERLEAF_IDENTIFIER" ;;
	esac
	S
	way=$(by_program dns-01 everleaf)
}

test_a_program_of_ours_is_told_all_there_is() {
	start_pebble new
	own_hook
	issue '"*.example.org"'
	calls >ours
	for step in present withdraw; do
		cat <<-E
		$step|
		EVERLEAF_AUTHORIZATION=SECRET.SECRET
		EVERLEAF_CHALLENGE=dns-01
		EVERLEAF_IDENTIFIER=example.org
		EVERLEAF_NAME=www
		EVERLEAF_RECORD=_acme-challenge.example.org
		EVERLEAF_TOKEN=SECRET
		EVERLEAF_VALUE=SECRET
		E
	done | diff - ours
}

# -- what goes wrong --

test_what_a_program_says_last_is_why_it_failed() {
	start_pebble new
	program hook <<-'S'
	echo "no such zone" >&2
	exit 4
	S
	way=$(by_program dns-01 lego)
	acme "names = [ $names ];"
	expect 1 everleaf renew
	says err "$dir/hook: exited with 4: no such zone"
	is 0 "$(pebble_asked /chalZ/)"
}

test_one_that_takes_too_long_is_ended() {
	start_pebble new
	program hook <<-'S'
	[ "$1" = cleanup ] || sleep 100
	S
	way=$(by_program dns-01 lego 'timeout = "1s";')
	acme "names = [ $names ];"
	expect 1 everleaf renew
	says err "$dir/hook: ran longer than 1s"
}

test_what_a_crash_has_left_is_taken_back_by_its_program() {
	start_pebble new
	own_hook
	cat >>"$dir/hook" <<-S
	[ "\$1" = withdraw ] || [ -e "$dir/go" ] || sleep 100
	S
	acme 'names = "*.example.org";'
	start_agent
	until_true 60 test -e "$dir/calls"
	kill -KILL $run "$(role agent)" "$(role keeper)"
	until_true 60 no_role_is_left
	touch "$dir/go"
	acme 'names = "other.example.org";' # no order goes on with it
	expect 0 everleaf renew
	is 1 "$(grep -c '^withdraw|' <(grep -A 3 '^withdraw' "$dir/calls" | grep -B 3 '=example.org'))"
}

run_tests "$@"
