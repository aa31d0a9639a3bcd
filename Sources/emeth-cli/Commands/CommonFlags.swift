/// Flags that mean the same wherever they stand.
enum CommonFlags {
  static let json = Flag(toggle: "json", help: "print one JSON object instead of text; errors too")
}
