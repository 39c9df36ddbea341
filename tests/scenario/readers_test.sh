#!/bin/bash
# readers: whoever reads while sets change, and whoever may not read at all. What they are
# shown is said in numbers; `make readers` (READERS=all) takes as many as tests/VERIFY.md
# says, `make check` a sample.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

exec 3>&1 # figures; what a case says otherwise is for when it fails

if [ "${READERS-}" = all ]; then
	changes=600 reads=1000000 births=200 opens=100000
else
	changes=8 reads=1000 births=6 opens=100
fi

file() { # NAME CONTENT [SETTINGS]
	printf '{ path = "%s"; content = "%s"; %s }' "$dir/tls/$1" "$2" "${3-}"
}

said() { # WAY WORD: of that reader
	sed -n "s/^$2 //p" "$dir/$1.out"
}

start_reader() { # WAY PATH
	says_anew "$dir/$1.out"
	"$tools/reader" "$1" "$2" >"$dir/$1.out" &
	readers+=($!)
	started $!
	until_true 60 grep -q started "$dir/$1.out"
}

# There and back, and now and then a new set.
change_sets() { # TIMES
	local new i
	for ((i = 0; i < $1; i += 2)); do
		[ $((i % 8)) != 0 ] || everleaf renew --force www
		new=$(live www)
		everleaf rollback www $((new - 1))
		everleaf rollback www "$new"
	done
} 2>"$dir/changes.err"

test_key_and_certificate_are_of_one_set() {
	local readers=() way
	mkdir tls
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local";
		files = ( $(file www.pem combined) ); } );
	C
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	start_reader combined "$dir/tls/www.pem"
	start_reader folder "$dir/state/live/www"
	start_reader path "$dir/state/live/www"
	change_sets $changes
	kill "${readers[@]}"
	wait "${readers[@]}"
	for way in combined folder path; do
		echo "$way: $(tail -n +2 $way.out | xargs)" >&3
		is 0 "$(said $way torn)"
		is 0 "$(said $way missing)"
		[ "$(said $way reads)" -ge $reads ]
		[ "$(said $way changes)" -gt $((changes / 8)) ]
	done
	is "0 0" "$(said combined mixed) $(said folder mixed)"
	# Two names are two look-ups: the limit that generation.h tells of.
	[ "$(said path mixed)" -le $changes ]
	is_whole www
}

# Of what may be read by all, under its own and its temporary name.
public='/[.]?(full|cert|chain|ca|cert[.]der|(fullchain|cert|chain|ca|root|intermediate|crl)[.]pem'
public+='|crl[.]der|meta[.]json|id|[0-9a-f]+[.]0)([.]everleaf)?$'

tried() { # WORD PATTERN: how often such files were "refused" or "opened"
	awk -v f="$1" -v p="$2" '$1 == "file" && $5 ~ p { n += f == "refused" ? $3 : $4 }
		END { print n + 0 }' "$dir/prowler.out"
}

# The fewest tries of a file where it is born: a generation has its number only then.
fewest() {
	awk '$1 == "file" && $5 !~ "/0000[0-9]*/" && (n == "" || $2 < n) { n = $2 } END { print n }' \
		"$dir/prowler.out"
}

test_no_key_can_be_opened_by_others_while_it_is_born() {
	local secret='password_file = "'$dir/pass'";' pid i name
	is_root || skip "needs root: nobody else can become another user"
	mkdir -p tls/cas state www
	(umask 077 && echo "correct horse" >pass)
	start_ca </dev/null
	config <<-C
	contact = "mailto:ops@example.org"; agree_terms = true;
	issuers = ( { name = "lab"; type = "local"; intermediate = true; },
		{ name = "ca"; type = "acme"; url = "$url"; trust = "$trust"; challenge = $(webroot); } );
	certificates = ( { name = "acme"; names = "www.example.org"; issuer = "ca"; },
		{ name = "www"; names = "localhost"; issuer = "lab"; files = (
			$(file full fullchain), $(file cert cert), $(file chain chain), $(file key key),
			$(file old key 'format = "traditional";'), $(file key.der key 'format = "der";'),
			$(file sealed key "$secret"), $(file both combined), $(file p12 pkcs12 "$secret"),
			$(file cert.der der), $(file ca ca), $(file cas hashed), $(file www.json sds) ); } );
	C
	"$tools/prowler" 61100 "$dir/tls" "$dir/state" "$dir"/state/live/{www,acme}/privkey.pem >prowler.out &
	pid=$!
	started $pid
	until_true 60 grep -q started prowler.out
	for ((i = 0; i < births; i++)); do
		[ $((i % 5)) != 0 ] || rm -rf state/* # all of it is born again
		expect 0 everleaf renew --force --all
	done
	kill $pid
	wait $pid
	cat prowler.out
	echo "births $births: files $(grep -c ^file prowler.out) $(tail -n 2 prowler.out | xargs), fewest of one $(fewest)," \
		"temporary ones refused $(tried refused 'everleaf$|/[.]stage/')" \
		"opened $(tried opened 'everleaf$|/[.]stage/')" >&3
	is 0 "$(sed -n 's/^keys //p' prowler.out)"
	[ "$(fewest)" -ge $opens ]
	is "" "$(awk -v p="$public" '$1 == "file" && $4 > 0 && $5 !~ p { print $5 }' prowler.out)"
	# It was there in time, and it can open what it may.
	for name in '/[.](key|old|key[.]der|sealed|both|p12|www[.]json)[.]everleaf$' \
		'/[.]stage/privkey[.]pem$' '/[.]pending' '/account[.]key$' '/root[.]key$'; do
		[ "$(tried refused "$name")" -gt 0 ]
	done
	[ "$(tried opened '[.]everleaf$')" -gt 0 ]
}

run_tests "$@"
