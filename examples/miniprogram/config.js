// 授权服务器的地址，以及这个小程序在授权服务器上登记的 client_id。
module.exports = {
  issuer: 'http://127.0.0.1:3000',
  clientId: 'miniprogram',
}
