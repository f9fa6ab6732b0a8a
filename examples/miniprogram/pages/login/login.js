// 登录页：微信手机号、微信身份或短信验证码。账号开启了两步验证时，接着打开两步验证页。
const { InvalidSession } = require('../../utils/lingpai-sdk')
const { explain } = require('../../utils/lingpai')
const { begin, login, follow } = require('../../utils/login')
const { solve } = require('../../utils/captcha')

Page({
  data: { mobile: '', code: '', sent: false, wait: 0, busy: false, error: '' },

  onLoad() {
    begin()
  },

  onUnload() {
    clearInterval(this.timer)
  },

  onMobileInput(event) {
    this.setData({ mobile: event.detail.value })
  },

  onCodeInput(event) {
    this.setData({ code: event.detail.value })
  },

  // 用户同意后，event.detail.code 可以换取手机号；拒绝时没有它。
  async onPhone(event) {
    const phoneCode = event.detail.code
    if (!phoneCode) {
      this.setData({ error: '没有获得手机号，可以用短信验证码登录' })
      return
    }
    await this.attempt(() => login().wechat({ phoneCode }))
  },

  async onWeChat() {
    await this.attempt(() => login().wechat())
  },

  async onSend() {
    await this.attempt(async () => {
      const mobile = this.data.mobile.trim()
      if (!mobile) return { error: '请输入手机号' }
      let result = await login().sendCode(mobile)
      if (result.captcha) result = await login().sendCode(mobile, { captcha: await solve(result.captcha) })
      if (result.captcha) return { error: explain(result) }
      this.setData({ sent: true, code: '' })
      this.countDown(result.resendIn)
      return result
    })
  },

  async onCode() {
    await this.attempt(async () => {
      const code = this.data.code.trim()
      return code ? login().code(code) : { error: '请输入验证码' }
    })
  },

  // 做一步，打开下一个页面，或者显示出错的原因。连按两次只做一次。
  async attempt(step) {
    if (this.data.busy) return
    this.setData({ busy: true, error: '' })
    try {
      const result = await step()
      if (result.error) this.setData({ error: result.error })
      else follow(result)
    } catch (error) {
      this.setData({ error: explain(error) })
      if (error.retryAfter) this.countDown(error.retryAfter)
      // 发出去的验证码也不能用了。
      if (error instanceof InvalidSession) this.setData({ sent: false, code: '' })
    } finally {
      this.setData({ busy: false })
    }
  },

  // 按结束的时刻计算，小程序切到后台再回来也是对的。
  countDown(seconds) {
    clearInterval(this.timer)
    const end = Date.now() + Math.ceil(seconds || 0) * 1000
    const show = () => {
      const wait = Math.max(0, Math.ceil((end - Date.now()) / 1000))
      this.setData({ wait })
      if (wait === 0) clearInterval(this.timer)
    }
    this.timer = setInterval(show, 1000)
    show()
  },
})
