// 两步验证页：验证器应用的验证码，或者一个恢复码。
const { InvalidSession } = require('../../utils/lingpai-sdk')
const { explain } = require('../../utils/lingpai')
const { begin, login, follow } = require('../../utils/login')

Page({
  data: { way: 'totp', other: '', code: '', busy: false, error: '' },

  onLoad(query) {
    const [way, other] = query.ways.split(',')
    this.setData({ way, other: other || '' })
  },

  // 返回登录页就是放弃这次登录。
  onUnload() {
    if (!this.finished) begin()
  },

  onCodeInput(event) {
    this.setData({ code: event.detail.value })
  },

  onOther() {
    this.setData({ way: this.data.other, other: this.data.way, code: '', error: '' })
  },

  async onSubmit() {
    const { way, busy } = this.data
    const code = this.data.code.trim()
    if (busy) return
    if (!code) {
      this.setData({ error: way === 'totp' ? '请输入验证码' : '请输入恢复码' })
      return
    }
    this.setData({ busy: true, error: '' })
    try {
      const result = await (way === 'totp' ? login().totp(code) : login().recoveryCode(code))
      this.finished = result.done
      follow(result)
    } catch (error) {
      this.setData({ code: '', error: explain(error) })
      if (error instanceof InvalidSession) this.startAgain(explain(error))
    } finally {
      this.setData({ busy: false })
    }
  },

  startAgain(text) {
    wx.showToast({ title: text, icon: 'none' })
    wx.reLaunch({ url: '/pages/login/login' })
  },
})
