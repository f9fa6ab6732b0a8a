// 正在进行的登录。登录页和两步验证页共用一个 Challenge；它只在内存里。
const { lingpai } = require('./lingpai')

let current = null

// 开始一次新的登录，放弃没有完成的那一次。
function begin() {
  current = lingpai.challenge()
}

function login() {
  if (!current) begin()
  return current
}

// 根据一步的结果打开下一个页面。小程序里没有通行密钥，所以只看验证器和恢复码。
function follow(result) {
  if (result.done) {
    current = null
    wx.reLaunch({ url: '/pages/me/me' })
    return
  }
  const ways = result.next.filter((name) => name === 'totp' || name === 'recovery_code')
  if (ways.length > 0) wx.navigateTo({ url: `/pages/second/second?ways=${ways.join(',')}` })
}

module.exports = { begin, login, follow }
