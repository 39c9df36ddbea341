# lib_roots: roots of a CA that change, for the script suites. To be sourced after lib.sh and
# lib_pki.sh. The issuer is `corp`, its root that is in use ca.pem.

fingerprint() { # NAME
	openssl x509 -in "$1.pem" -outform DER | sha256sum | cut -d ' ' -f 1
}

holds() { # FILE ROOT...
	local file=$1
	shift
	is "$(for r in "$@"; do fingerprint "$r"; done | sort)" "$(prints_in "$file")"
}

prints_in() { # FILE: the SHA-256 of each of its certificates
	local n=$(grep -c BEGIN "$1") i
	for i in $(seq "$n"); do
		awk -v n="$i" '/BEGIN/ { k++ } k == n' "$1" | openssl x509 -outform DER | sha256sum | cut -d ' ' -f 1
	done | sort
}

# A new root NEW, of the same name or not, with the certificate CROSS for its key by OLD.
new_root() { # NEW [OLD CROSS]
	openssl_ca "$1"
	[ $# = 1 ] && return
	openssl x509 -req -in "$1.csr" -days 30 -CA "$2.pem" -CAkey "$2.key" -out "$3.pem" -extfile <(
		printf '%s\n' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign,cRLSign \
			subjectKeyIdentifier=hash authorityKeyIdentifier=keyid) 2>/dev/null
}

# A day is over.
long_ago() {
	touch -d '-2 days' state/roots/corp.seen
}

# The issuing of the CA moves to the new root; the server's own certificate, too.
moves_to() { # NEW
	local name
	for name in pem key; do mv ca.$name old.$name; cp "$1.$name" ca.$name; done
}
