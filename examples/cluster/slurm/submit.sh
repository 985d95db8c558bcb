#!/bin/bash
# Submits the tasks of a plan that are not done, and a job that finishes it when they have ended. Units of a later stage (the rungs
# and models of 'vzsl plan tune') are arrays of their own, which begin when those of the stage before have ended:
#
#   slurm/submit.sh plans/imagenet-vgg19 [options for sbatch, such as --time=1:00:00 --mem=2G --array-limit=50]
#
# --array-limit=N lets N tasks run at a time. Needs vzsl (or VZSL) in the PATH, and the plan's folder and --out on a disk, or in a
# bucket, that all machines see.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
plan=${1:?the folder of a plan}
shift
limit=
options=()
for o in "$@"; do
  case $o in
    --array-limit=*) limit=%${o#*=} ;;
    *) options+=("$o") ;;
  esac
done
vzsl=${VZSL:-vzsl}

# 'vzsl status --json' has the number of tasks and, as --array= takes them, those that are not done: "missing": "0-3,7".
status=$("$vzsl" status "$plan" --json)
field() { sed -n "s/^  \"$1\": \"\{0,1\}\([^\"]*\)\"\{0,1\},\{0,1\}$/\1/p" <<<"$status"; }
missing=$(field missing)
tasks=$(field tasks)
command=$(field command)
# "later": the same of later stages, a line each.
later=$(sed -n '/^  "later": \[/,/^  \]/s/^    "\([^"]*\)",\{0,1\}$/\1/p' <<<"$status")
if [ -z "$missing" ]; then
  echo "all tasks are done"
  exec "$vzsl" finish "$plan"
fi

# Indices of an array are below MaxArraySize, usually 1001; later tasks go into arrays of their own, from an offset.
max=$(scontrol show config | sed -n 's/^MaxArraySize *= *//p')
max=${MAX_ARRAY:-${max:-1001}}
after=
for stage in "$missing" $later; do
  declare -A arrays=()
  IFS=, read -ra parts <<<"$stage"
  for part in "${parts[@]}"; do
    first=${part%-*} last=${part#*-}
    while [ "$first" -le "$last" ]; do
      block=$((first / max))
      end=$(((block + 1) * max - 1))
      [ "$end" -lt "$last" ] || end=$last
      arrays[$block]+="${arrays[$block]:+,}$((first - block * max))-$((end - block * max))"
      first=$((end + 1))
    done
  done

  jobs=()
  for block in $(printf '%s\n' "${!arrays[@]}" | sort -n); do
    job=$(sbatch --parsable --export="ALL,OFFSET=$((block * max)),TASKS=$tasks,COMMAND=$command" --array="${arrays[$block]}$limit" \
      ${after:+"--dependency=afterany:$after"} "${options[@]}" "$here/task.sbatch" "$plan")
    jobs+=("${job%%;*}")
    echo "job ${job%%;*}: tasks ${arrays[$block]} from $((block * max)) on"
  done
  after=$(IFS=:; echo "${jobs[*]}")
  unset arrays
done
echo "finish: job $(sbatch --parsable --dependency="afterany:$after" --job-name=vzsl-finish --output="vzsl-finish-%j.log" \
  --wrap "'$vzsl' finish '$plan'")"
