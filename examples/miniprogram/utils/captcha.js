// 发送验证码之前的验证。输入 SDK 给出的 captcha，输出它的答案。
const altcha = require('./altcha')

async function solve(captcha) {
  if (captcha.provider === 'altcha') return altcha.solve(captcha.challenge)
  // 极验和阿里云有小程序插件：在这里打开插件，返回它给出的结果（docs/api.md，Captchas）。
  throw new Error(`没有安装 ${captcha.provider} 的插件`)
}

module.exports = { solve }
