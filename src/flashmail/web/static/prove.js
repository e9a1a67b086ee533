// Does the work that a form asks for while too many join: finds a text whose SHA-256
// with the challenge begins with zero bits (see web/gate.py). Without scripts one waits.
"use strict";
(() => {
  const K = new Uint32Array(64), H0 = new Uint32Array(8);
  // The constants of FIPS 180-4: fractions of the roots of the first primes.
  for (let n = 2, found = 0; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
    if (!prime) continue;
    const root = (power) => { const r = Math.pow(n, power); return ((r - Math.floor(r)) * 4294967296) >>> 0; };
    if (found < 8) H0[found] = root(1 / 2);
    K[found++] = root(1 / 3);
  }
  const W = new Uint32Array(64);
  const turn = (x, n) => (x >>> n) | (x << (32 - n));
  function first(text) { // the first 32 bits of the SHA-256 of ASCII
    const size = text.length, blocks = ((size + 8) >> 6) + 1;
    const words = new Uint32Array(blocks * 16);
    for (let i = 0; i < size; i++) words[i >> 2] |= text.charCodeAt(i) << (24 - (i & 3) * 8);
    words[size >> 2] |= 0x80 << (24 - (size & 3) * 8);
    words[words.length - 1] = size * 8;
    const H = H0.slice();
    for (let b = 0; b < blocks; b++) {
      for (let i = 0; i < 16; i++) W[i] = words[b * 16 + i];
      for (let i = 16; i < 64; i++) {
        const x = W[i - 15], y = W[i - 2];
        W[i] = W[i - 16] + W[i - 7] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
      }
      let [a, c, d, e, f, g, h, j] = H;
      for (let i = 0; i < 64; i++) {
        const t = (j + (turn(f, 6) ^ turn(f, 11) ^ turn(f, 25)) + ((f & g) ^ (~f & h)) + K[i] + W[i]) | 0;
        const u = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & c) ^ (a & d) ^ (c & d))) | 0;
        j = h; h = g; g = f; f = (e + t) | 0; e = d; d = c; c = a; a = (t + u) | 0;
      }
      [a, c, d, e, f, g, h, j].forEach((x, i) => { H[i] += x; });
    }
    return H[0];
  }
  const form = document.querySelector("form[data-prove]");
  if (!form) return;
  const challenge = form.dataset.prove, shift = 32 - Number(form.dataset.bits);
  let n = 0;
  const work = () => {
    for (const end = n + 2000; n < end; n++) {
      if (first(challenge + "." + n) >>> shift === 0) { form.elements.proof.value = String(n); return; }
    }
    setTimeout(work, 0);
  };
  work();
})();
