# Resets the database: lists what is there, asks for the database's name, makes
# a backup and reads it back, and only then drops outreach's tables and makes
# them anew. All of that is `outreach reset`; this script finds the program.
#
#   $env:DATABASE_URL = 'postgres://...'; .\scripts\reset_database.ps1
#   .\scripts\reset_database.ps1 --database sqlite://outreach.db --confirm outreach.db
#   .\scripts\reset_database.ps1 --dry-run
#   .\scripts\reset_database.ps1 --help
#
# Arguments are passed on. Put a URL with a password into $env:DATABASE_URL, not
# on the command line, which other users can read. $env:OUTREACH names the
# program, if it is neither on PATH nor built. Exit status: 0 done, 1 refused and
# nothing was changed, 2 failed. Windows PowerShell 5.1 and PowerShell 7.
#
# Read RESET_INSTRUCTIONS.md first: a reset is rarely what is needed.

# No param block: PowerShell would take `--confirm` and the like for its own.
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Write-Message([string] $Text) {
    [Console]::Error.WriteLine($Text)
}

function Find-Outreach {
    if ($env:OUTREACH) {
        return $env:OUTREACH
    }
    $root = Split-Path -Parent $PSScriptRoot
    $target = Join-Path $root 'target'
    if ($env:CARGO_TARGET_DIR) {
        $target = $env:CARGO_TARGET_DIR
    }
    # A built checkout comes before PATH: this script and its program belong
    # together. The name has no ending on other systems than Windows.
    foreach ($profile_name in @('release', 'debug')) {
        foreach ($name in @('outreach.exe', 'outreach')) {
            $candidate = Join-Path (Join-Path $target $profile_name) $name
            if (Test-Path -LiteralPath $candidate -PathType Leaf) {
                return $candidate
            }
        }
    }
    $command = Get-Command -Name 'outreach' -CommandType Application -ErrorAction SilentlyContinue |
        Select-Object -First 1
    if ($command) {
        return $command.Path
    }
    return $null
}

foreach ($argument in $args) {
    if ("$argument" -match '^(--[a-z-]+=)?postgres(ql)?(\+[a-z]+)?://[^/@]*:[^/@]+@') {
        Write-Message ('refused: a password on the command line can be read by other users; ' +
            'put the URL into $env:DATABASE_URL. Nothing was changed')
        exit 1
    }
}

$outreach = Find-Outreach
if (-not $outreach) {
    Write-Message ('the program `outreach` is neither on PATH nor built; run ' +
        '`cargo build --release --bin outreach`, or name it in $env:OUTREACH. Nothing was changed')
    exit 2
}
if (-not (Get-Command -Name $outreach -CommandType Application -ErrorAction SilentlyContinue)) {
    Write-Message "$outreach is no program that can be run. Nothing was changed"
    exit 2
}

# Splatting passes each argument on as it is.
& $outreach reset @args
exit $LASTEXITCODE
