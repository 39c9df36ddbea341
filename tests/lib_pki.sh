# lib_pki: CAs made with openssl, their lists, and where they are published. To be sourced
# after lib.sh.

# A web server: what is in $dir/pki is at $pki.
serve_pki() {
	mkdir pki
	mkfifo pki.stdin
	"$root/tests/tools/files" "$dir/pki" <pki.stdin >pki.out 2>&1 &
	started $!
	exec 7>pki.stdin
	until_true 60 test -s pki.served/port
	pki=http://127.0.0.1:$(cat pki.served/port)
}

# NAME.pem and NAME.key, below the CA BY, with the distribution points, "URI:..." each; or
# a root.
openssl_ca() { # NAME [BY [POINT...]]
	local name=$1 by=${2-} extensions=basicConstraints=critical,CA:TRUE
	shift; [ $# = 0 ] || shift
	extensions+=$'\n'keyUsage=critical,keyCertSign,cRLSign
	extensions+=$'\n'subjectKeyIdentifier=hash$'\n'authorityKeyIdentifier=keyid
	[ $# = 0 ] || extensions+=$'\n'crlDistributionPoints=$(IFS=,; echo "$*")
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$name.key" \
		-subj "/CN=$name" -out "$name.csr" 2>/dev/null
	openssl x509 -req -in "$name.csr" -days 30 -extfile <(echo "$extensions") -out "$name.pem" \
		$([ -n "$by" ] && echo "-CA $by.pem -CAkey $by.key" || echo "-signkey $name.key") 2>/dev/null
}

# A certificate that is none of a CA: NAME.pem and NAME.key, below the CA BY.
openssl_leaf() { # NAME BY
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" \
		-subj "/CN=$1" -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -days 2 -CA "$2.pem" -CAkey "$2.key" -out "$1.pem" 2>/dev/null
}

serial_of() { # FILE
	openssl x509 -in "$1" -noout -serial | sed 's/.*=//'
}

# The list of CA, in FILE, from two days ago (`from`) UNTIL a time of date(1), with the
# serials of `revoked`, the number `number`, and the extensions `extensions` more, lines
# each.
openssl_crl() { # CA UNTIL FILE
	local serial
	: >index.txt
	for serial in ${revoked-}; do
		printf 'R\t350101000000Z\t260101000000Z\t%s\tunknown\t/CN=x\n' "$serial" >>index.txt
	done
	echo "${number-7fff}" >crlnumber
	cat >ca.cnf <<-C
	[ ca ]
	default_ca = x
	[ x ]
	database = $dir/index.txt
	crlnumber = $dir/crlnumber
	default_md = sha256
	crl_extensions = e
	[ e ]
	authorityKeyIdentifier = keyid
	${extensions-}
	C
	openssl ca -config ca.cnf -gencrl -cert "$1.pem" -keyfile "$1.key" \
		-crl_lastupdate "$(date -u -d "${from--2 days}" +%Y%m%d%H%M%SZ)" \
		-crl_nextupdate "$(date -u -d "$2" +%Y%m%d%H%M%SZ)" -out "$3" 2>/dev/null
}
