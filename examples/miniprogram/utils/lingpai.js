// SDK 的客户端，以及给用户看的文字。会话保存在本地缓存里，页面不直接接触令牌。
const { InvalidSession, Lingpai, RedirectToWeb, TransportError } = require('./lingpai-sdk')
const config = require('../config')

const lingpai = new Lingpai(config.issuer, config.clientId, { scope: 'openid profile phone' })

const TEXTS = {
  bad_mobile: '请输入正确的手机号',
  bad_code: '验证码不正确或已过期',
  bad_second_factor: '验证码不正确或已使用',
  bad_phone_code: '没有获得手机号，请重试',
  bad_captcha: '验证没有通过，请重试',
  sign_unknown: '微信登录失败，请重试',
  sign_used: '微信登录失败，请重试',
  sign_blocked: '微信限制了该账号登录，请联系微信客服',
  account_disabled: '账号已停用，请联系客服',
  registration_closed: '暂不开放注册',
}

// 以后可能出现新的 reason，要有一句通用的提示。
function explain(error) {
  if (error instanceof TransportError) return '网络连接失败，请检查网络后重试'
  if (error instanceof InvalidSession) return '登录已超时，请重新登录'
  if (error instanceof RedirectToWeb) return '该账号需要先在网页上登录，开启两步验证'
  if (error.status === 429) return `操作过于频繁，请 ${Math.ceil(error.retryAfter || 60)} 秒后再试`
  if (error.status === 503) return '服务繁忙，请稍后再试'
  return TEXTS[error.reason] || '出错了，请稍后再试'
}

module.exports = { lingpai, explain }
