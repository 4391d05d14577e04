import type { ParleyError } from '@parley/client'

/** An error in the words of a person. Where one must wait, the one who shows it says for how long. */
export function explain(error: Pick<ParleyError, 'code' | 'message'>): string {
  switch (error.code) {
    case 'username_taken':
      return 'This username is taken. Choose another one.'
    case 'bad_credentials':
      return 'The username or the password is wrong.'
    case 'totp_required':
      return 'This account asks for a second factor, which this app cannot give yet.'
    case 'rate_limited':
      return 'Too many tries.'
    case 'overloaded':
      return 'Parley is busy right now. Try again in a moment.'
    case 'network':
      return 'Parley cannot be reached. Check your connection and try again.'
    case 'unavailable':
    case 'internal':
    case 'bad_answer':
      return 'Something went wrong on our side. Try again.'
    case 'forbidden':
      return 'You may not do this.'
    case 'conversation_not_found':
      return 'You are no longer in this conversation.'
    case 'conversation_full':
      return 'The group has its full number of members.'
    case 'conversations_exceeded':
      return 'Someone here is in too many conversations already.'
    case 'conversation_read_only':
      return 'This conversation cannot be written to at the moment.'
    case 'user_not_found':
      return 'This person does not have an account any more.'
    case 'body_too_large':
      return 'This is too long.'
    default:
      return error.message
  }
}

/** Why the app shows the sign-in again. */
export function explainEnd(reason: string): string {
  switch (reason) {
    case 'password_changed':
      return 'Your password was changed. Sign in with the new one.'
    case 'refresh_reused':
      return 'Your session was used from somewhere else and has been closed to be safe. Sign in again.'
    case 'refresh_expired':
      return 'Your session has expired. Sign in again.'
    case 'deleted':
      return 'You were signed out from another device.'
    case 'too_many_sessions':
      return 'You signed in on so many devices that this one was signed out. Sign in again.'
    default:
      return 'Your session has ended. Sign in again.'
  }
}
