# Runs in dom0 while the guest idles: takes what the walker needs. The guest is paused while it is dumped.
set -e
xl list
xl dump-core "$DOMID" /out/core
xen-mfndump dump-p2m "$DOMID" >/out/p2m.txt
echo "dumped $(wc -c </out/core) bytes and $(wc -l </out/p2m.txt) lines"
