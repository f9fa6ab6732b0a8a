// 我的：显示登录的用户，退出登录。没有登录时打开登录页。
const { LoginRequired } = require('../../utils/lingpai-sdk')
const { lingpai, explain } = require('../../utils/lingpai')

Page({
  data: { user: null, error: '' },

  async onShow() {
    try {
      this.setData({ user: await lingpai.userinfo(), error: '' })
    } catch (error) {
      if (error instanceof LoginRequired) wx.reLaunch({ url: '/pages/login/login' })
      else this.setData({ error: explain(error) })
    }
  },

  async onLogout() {
    try {
      await lingpai.logout()
    } catch (error) {
      // 手机上的令牌已经删除；服务器上的会话会自己过期。
      wx.showToast({ title: explain(error), icon: 'none' })
    }
    this.setData({ user: null })
    wx.reLaunch({ url: '/pages/login/login' })
  },
})
