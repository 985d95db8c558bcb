#!/usr/bin/python3
"""Counts the operator sets of public exports: operator_sets.py REPOSITORY > operator_sets.txt

REPOSITORY is a clone of github.com/onnx/models (its .git folder will do), whose Computer_Vision/*/turnkey_stats.yaml list the
operators of 1945 image networks of timm, torchvision and others, exported by torch. A line is how many of them have exactly
the operators that follow.
"""
import collections, subprocess, sys

git = ['git', '-C', sys.argv[1]]
files = [f for f in subprocess.check_output([*git, 'ls-tree', '-r', '--name-only', 'HEAD', 'Computer_Vision/'], text=True).split('\n') if f.endswith('/turnkey_stats.yaml')]
out = subprocess.run([*git, 'cat-file', '--batch'], input='\n'.join('HEAD:' + f for f in files).encode(), capture_output=True, check=True).stdout
sets, at = collections.Counter(), 0
for _ in files:
    end = out.index(b'\n', at)
    size = int(out[at:end].split()[2])
    text, at = out[end + 1:end + 1 + size].decode(), end + 2 + size
    ops, inside = [], False
    for line in text.split('\n'):
        if inside and not line.startswith('  '):
            break
        if inside:
            ops.append(line.strip().split(':')[0])
        inside = inside or line.startswith('onnx_ops_counter:')
    sets[' '.join(sorted(ops))] += 1
for ops, n in sorted(sets.items(), key=lambda x: (-x[1], x[0])):
    print(n, ops)
