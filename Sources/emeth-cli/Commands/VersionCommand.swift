extension Command {
  /// `emeth version`: name and release.
  static let version = Command(
    CommandDefinition(
      "version", section: .program, summary: "print the release", flags: [CommonFlags.json])
  ) { parsed, context in
    let version = ProgramVersion.current
    try context.output.write(
      parsed[CommonFlags.json] ? JSONText.pretty(version) : version.text + "\n")
    return .done
  }
}
