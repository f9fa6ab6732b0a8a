// ALTCHA 的工作量证明：由手机算出答案，不用用户操作。小程序没有 crypto.subtle，所以这里有 PBKDF2-HMAC-SHA-256。
// 输入 challenge：{ parameters: { nonce, salt, cost, keyPrefix, ... }, signature }。输出答案：JSON 的 base64。

// 每算这么多毫秒就让出一次，界面不会卡住。
const SLICE = 40

// SHA-256 的常数（FIPS 180-4，4.2.2 和 5.3.3）：前 64 个和前 8 个质数的立方根和平方根的小数部分。
const CONSTANTS = new Int32Array(64)
const INITIAL = new Int32Array(8)
for (let candidate = 2, count = 0; count < 64; candidate++) {
  let prime = true
  for (let factor = 2; factor * factor <= candidate; factor++) prime = prime && candidate % factor !== 0
  if (!prime) continue
  if (count < 8) INITIAL[count] = Math.pow(candidate, 1 / 2) * 4294967296
  CONSTANTS[count++] = Math.pow(candidate, 1 / 3) * 4294967296
}

const words = new Int32Array(64)

// 处理 words 的前 16 个字，从状态 from 得到状态 to。
function compress(to, from) {
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15]
    const y = words[i - 2]
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    words[i] = words[i - 16] + s0 + words[i - 7] + s1
  }
  let a = from[0]
  let b = from[1]
  let c = from[2]
  let d = from[3]
  let e = from[4]
  let f = from[5]
  let g = from[6]
  let h = from[7]
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + CONSTANTS[i] + words[i]) | 0
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  to[0] = from[0] + a
  to[1] = from[1] + b
  to[2] = from[2] + c
  to[3] = from[3] + d
  to[4] = from[4] + e
  to[5] = from[5] + f
  to[6] = from[6] + g
  to[7] = from[7] + h
}

// 一个消息的最后一块；它前面已经有一块 64 字节的密钥。
function lastBlock(message) {
  words.fill(0, 0, 16)
  words.set(message)
  words[message.length] = 0x80000000
  words[15] = (64 + 4 * message.length) * 8
}

// PBKDF2 的第一个 32 字节（RFC 8018，5.2）。参数都是 32 位的字。
function deriveKey(password, salt, cost) {
  const [inner, outer, hash, key] = [0, 1, 2, 3].map(() => new Int32Array(8))
  for (const [state, pad] of [[inner, 0x36363636], [outer, 0x5c5c5c5c]]) {
    words.fill(pad, 0, 16)
    password.forEach((word, i) => {
      words[i] = word ^ pad
    })
    compress(state, INITIAL)
  }
  lastBlock([...salt, 1])
  for (let i = 0; i < cost; i++) {
    if (i > 0) lastBlock(hash)
    compress(hash, inner)
    lastBlock(hash)
    compress(hash, outer)
    for (let j = 0; j < 8; j++) key[j] ^= hash[j]
  }
  return key
}

const toWords = (hex) => hex.match(/.{8}/g).map((digits) => parseInt(digits, 16) | 0)
const toHex = (found) => Array.from(found, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')

// 文字只有 ASCII。
function toBase64(text) {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  let found = ''
  for (let i = 0; i < text.length; i += 3) {
    const [a, b, c] = [0, 1, 2].map((at) => text.charCodeAt(i + at))
    const group = (a << 16) | ((b || 0) << 8) | (c || 0)
    for (let at = 0; at < 4; at++) found += i + at > text.length ? '=' : digits[(group >> (18 - 6 * at)) & 63]
  }
  return found
}

async function solve(challenge) {
  const { nonce, salt, cost, keyPrefix } = challenge.parameters
  const [password, salted] = [toWords(nonce), toWords(salt)]
  let began = Date.now()
  for (let counter = 0; ; counter++) {
    const derivedKey = toHex(deriveKey([...password, counter], salted, cost))
    if (derivedKey.startsWith(keyPrefix)) return toBase64(JSON.stringify({ challenge, solution: { counter, derivedKey } }))
    if (Date.now() - began > SLICE) {
      await new Promise((resolve) => setTimeout(resolve))
      began = Date.now()
    }
  }
}

module.exports = { deriveKey, solve }
