/// Why one member of a ticket's JSON can't be read.
public enum MemberFault: Error, Equatable, Sendable {
  /// Not the form that was asked for.
  case format(FormatError)
  /// An address or a signature that is none.
  case crypto(CryptoError)

  /// The cause itself.
  public var error: any EmethError {
    switch self {
    case .format(let error): error
    case .crypto(let error): error
    }
  }
}
