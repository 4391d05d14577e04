export { createNotificationsApp, type NotificationsApp, type NotificationsDeps } from './app.ts'
export { createTransport, type Transport } from './push-transport.ts'
