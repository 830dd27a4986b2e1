/**
 * Ends an exec from inside its container: SIGINT to the group of its first process · that may take $2 ms · SIGTERM to
 * all that is left · $3 ms · SIGKILL to all that is left, again and again, for 5 s. "All" is who carries the line $1 in
 * its environment, the first process's group, and all descendants, as often as they are looked for. Ends with 1 when
 * something could not be killed. Needs sh, grep and sleep; without grep it sees only what descends from nobody.
 *
 * It runs in the container since the engine may be on another machine, in another pid namespace, or not ours to signal.
 */
export const END_EXEC_SCRIPT = `
marker=$1 left=$2 term=$3 leader=none first=y known=' '
nap() {
  if sleep 0.05 2>/dev/null; then slept=50; else sleep 1; slept=1000; fi
}
state() {
  s=
  { read -r s <"/proc/$1/stat"; } 2>/dev/null || return 1
  s=\${s##*) }
  case $s in Z*|X*|'') return 1 ;; esac
}
look() {
  marked=' ' found= group=
  for f in $(grep -lszxF -e "$marker" /proc/[0-9]*/environ 2>/dev/null); do
    f=\${f%/environ}
    marked="$marked\${f#/proc/} "
  done
  grown=y
  while [ -n "$grown" ]; do
    grown=
    for d in /proc/[0-9]*; do
      p=\${d#/proc/}
      case " $found " in *" $p "*) continue ;; esac
      state "$p" || continue
      set -- $s
      mine=
      case $marked in *" $p "*)
        mine=y
        [ -n "$first" ] && [ "$2" = 0 ] && leader=$3 ;;
      esac
      [ "$3" = "$leader" ] && mine=y
      case "$found " in *" $2 "*) mine=y ;; esac
      case $known in *" $p:\${20} "*) mine=y ;; *) [ -n "$mine" ] && known="$known$p:\${20} " ;; esac
      [ -n "$mine" ] || continue
      found="$found $p" grown=y
      [ "$3" = "$leader" ] && group="$group $p"
    done
  done
  first=
}
look
[ -n "$group" ] && kill -INT $group 2>/dev/null
while [ "$left" -gt 0 ] && state "$leader"; do nap; left=$((left - slept)); done
look
[ -z "$found" ] && exit 0
kill -TERM $found 2>/dev/null
while [ "$term" -gt 0 ]; do
  nap
  term=$((term - slept))
  look
  [ -z "$found" ] && exit 0
done
spent=0
while [ "$spent" -lt 5000 ]; do
  look
  [ -z "$found" ] && exit 0
  kill -KILL $found 2>/dev/null
  nap
  spent=$((spent + slept))
done
exit 1
`;
