/// An error of this library: a stable code for programs, a sentence for people, and sometimes a hint.
///
/// Every domain has one closed enum that conforms to it (``NumberError``, ``FormatError``, ``CryptoError``
/// …), so that a caller can switch over the cases, and a tool can print any of them in the same way. None
/// of them ever carries a secret.
public protocol EmethError: Error, Sendable {
  /// A stable identifier such as `signature.highS`, the same in every release.
  var code: String { get }
  /// One lower-case sentence: what, where, the value found, what is allowed.
  var message: String { get }
  /// What the user can do about it, when there is something to say.
  var hint: String? { get }
}

extension EmethError {
  /// No hint unless the domain gives one.
  public var hint: String? { nil }
}

/// The first characters of untrusted text, safe to repeat in an error message.
///
/// Control characters are replaced, so that hostile input can't move a terminal's cursor, and what is
/// longer than 48 characters is cut.
func quoted(_ text: some StringProtocol) -> String {
  var shown = ""
  var count = 0
  for scalar in text.unicodeScalars {
    guard count < 48 else { return "\"\(shown)…\"" }
    let visible = scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
    shown.unicodeScalars.append(visible ? scalar : "\u{FFFD}")
    count += 1
  }
  return "\"\(shown)\""
}
