// The address of Lingpai, the client id of this app, and a link on the page.
const CONFIG = {
  issuer: "http://127.0.0.1:3000",
  clientId: "single-page-app",
  otherApp: "http://127.0.0.1:8000/",
};
