// 小程序没有全局状态：会话由 utils/lingpai.js 里的 SDK 保存。
App({})
